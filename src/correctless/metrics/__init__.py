"""Many runs in figures: steps, attempts, decisions, cost, time."""
