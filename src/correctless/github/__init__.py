"""Client of the gh program, and the facts GitHub gives about a pull request."""
