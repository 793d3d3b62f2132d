"""What everything else rests on: exit codes, files, texts, the clock, programs that are run."""
