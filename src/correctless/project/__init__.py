"""One repository as the program finds it: its worktree held against a commit, and checkouts of its own."""
