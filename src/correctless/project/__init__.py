"""A checkout as we find it: its git, and where its files lie."""
