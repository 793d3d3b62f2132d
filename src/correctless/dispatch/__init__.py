"""The dispatcher: a plan and the events of its run in, the next effect out and performed."""
