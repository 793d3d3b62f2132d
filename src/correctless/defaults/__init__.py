"""Decision points of skills in the light of past runs: how each default fared, and which decisions recur without one."""
