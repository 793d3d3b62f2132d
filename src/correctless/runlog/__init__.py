"""The run log: the plan it starts with, its events, and the state folded from them."""
