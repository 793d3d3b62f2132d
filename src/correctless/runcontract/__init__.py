"""The run contract: what you granted beforehand, and what is allowed now."""
