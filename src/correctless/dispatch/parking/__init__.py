"""A run that stopped, handed to a remote and brought back."""
