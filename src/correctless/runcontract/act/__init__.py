"""What follows from a decision: permits, and merges bound to a commit."""
