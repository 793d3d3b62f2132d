"""The gh program, and what GitHub says of a pull request."""
