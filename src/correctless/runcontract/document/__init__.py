"""contract.md: read, typed, held together, drafted."""
