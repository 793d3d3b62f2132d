"""What a run tells people: notifications and the escalation file."""
