"""Whether an action is allowed: a pure decision over a case and facts."""
