"""What Claude Code asks before each tool call: a call in, let through or denied with one reason out.

A tripwire, not a boundary: it denies the direct spellings. Standard library only, for any Python from 3.7, because it must
work before the package's environment exists; it imports nothing of the other rooms.
"""
