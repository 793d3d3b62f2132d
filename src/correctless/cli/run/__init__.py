"""The commands of `correctless cauto`."""
