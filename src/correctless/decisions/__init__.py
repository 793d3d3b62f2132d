"""What an answer says was decided, beside its blocks."""
