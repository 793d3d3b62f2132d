"""The commands of the run contract: a person grants, an agent asks."""
