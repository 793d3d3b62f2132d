"""Rules: can the file be read at all?"""
