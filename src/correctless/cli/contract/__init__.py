"""Commands of the run contract: you grant, an agent asks."""
