"""YAML, JSON, TOML and Markdown with the position of everything, and findings at such positions."""
