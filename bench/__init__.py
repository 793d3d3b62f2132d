"""What the product costs, measured beside the least it could cost: `scripts/bench`."""
