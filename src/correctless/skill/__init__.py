"""A SKILL.md: where it is, its text, and the contract it states."""
