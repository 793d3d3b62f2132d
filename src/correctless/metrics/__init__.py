"""Figures over many runs: steps, attempts, decisions, cost, time."""
