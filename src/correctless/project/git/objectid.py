"""The full name of a git object, in SHA-1 or SHA-256."""

from __future__ import annotations

import re

OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
