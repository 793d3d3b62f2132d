"""Guard of tool calls: it lets a call of Claude Code pass, or denies it with one reason.

A tripwire, not a boundary: it denies the direct spellings. Standard library only, for any Python from 3.7, because it must
work before the package's environment exists; it imports no other package of correctless.
"""
