"""Audit of one run: what its logs, git and the pull request prove, step by step."""
