"""The dispatcher, the only package that starts agents."""
