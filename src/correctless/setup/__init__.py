"""Preparation of a repository for its first run: how it is tested, and the files that a run needs."""
