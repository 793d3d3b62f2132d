"""Commands of `correctless cauto`."""
