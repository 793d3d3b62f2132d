"""Runs from the outside: start, rerun, stop, worktrees."""
