"""From the command to a run, and its end from outside: start, re-run, stop, worktrees."""
