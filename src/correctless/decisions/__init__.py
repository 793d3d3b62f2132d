"""Decisions of an agent: read, corrected against the contract and never lost."""
