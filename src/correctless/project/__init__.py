"""One repository: its git, its configuration, its paths, its lock, and who works in it."""
