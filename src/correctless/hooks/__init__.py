"""What Claude Code tells a plugin's hooks: a prompt, the start and the end of a session in, what is to be said there out.

None of this blocks a session, except a prompt that was meant as an answer and could not be taken as one.
"""
