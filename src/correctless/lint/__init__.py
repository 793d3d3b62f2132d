"""The linter: file discovery, rules in parallel, cached results, suppressions, a baseline, and fixes."""
