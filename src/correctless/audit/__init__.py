"""What the record proves of one run, step by step."""
