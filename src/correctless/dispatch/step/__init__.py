"""One step: an agent, its answer, its check, its commit."""
