"""After the last step: consolidation, gate, pull request, merge."""
