"""Append-only logs with a hash chain: the only code that writes a log."""
