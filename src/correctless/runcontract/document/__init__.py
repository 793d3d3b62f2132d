"""contract.md: reading, typing, cross-checking and drafting it."""
