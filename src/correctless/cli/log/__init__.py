"""The commands of the decisions log, and the writer."""
