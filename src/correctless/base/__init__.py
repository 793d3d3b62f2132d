"""The foundation: exit codes, files, texts, the clock, child processes."""
