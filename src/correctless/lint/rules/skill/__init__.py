"""Rules: a SKILL.md, its frontmatter and its text."""
