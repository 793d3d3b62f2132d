"""What waits for a person, what was answered, and whether the gate is open."""
