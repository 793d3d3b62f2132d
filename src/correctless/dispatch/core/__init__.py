"""A run's state machine and its frozen inputs: no effect happens here."""
