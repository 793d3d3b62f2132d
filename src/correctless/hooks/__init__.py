"""Answers to the plugin's hooks of Claude Code: prompt, session start, stop.

Only one thing blocks a session: a prompt that was meant as an answer and cannot be recorded.
"""
