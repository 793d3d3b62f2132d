"""Programs that are run: their end, their descendants, and what lost its parent."""
