"""Publishing of a finished run: consolidation commit, push and pull request."""
