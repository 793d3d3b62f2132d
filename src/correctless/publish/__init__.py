"""A finished run's work in; one consolidated commit, a pushed branch and a pull request out."""
