"""Rules: the linter's own notes in a file."""
