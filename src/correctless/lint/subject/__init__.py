"""One file as rules see it, and what several rules ask of it."""
