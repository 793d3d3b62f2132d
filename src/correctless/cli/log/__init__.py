"""Commands of the decisions log."""
