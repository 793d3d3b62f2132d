"""The linter: discover files, run the rules in parallel, keep results, suppress, compare with a baseline, fix."""
