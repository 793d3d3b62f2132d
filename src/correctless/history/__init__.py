"""Many runs: their logs in; figures of what was done and what it took, and what is proven of one run, out. Nothing is written."""
