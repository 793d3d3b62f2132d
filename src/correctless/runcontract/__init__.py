"""The run contract: what a person granted beforehand in, what may be done now out."""
