"""Report on a run, or on all runs, as one HTML file that loads nothing."""
