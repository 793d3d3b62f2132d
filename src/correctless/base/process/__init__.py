"""Child processes: their end, their descendants, and orphans."""
