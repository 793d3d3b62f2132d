"""Rules: plugins, marketplaces, agents and hooks."""
