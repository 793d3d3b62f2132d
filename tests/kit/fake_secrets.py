"""Texts that a scan for secrets takes for some."""

from __future__ import annotations

# Put together here, so that no scan of this repository stops at it.
AWS = "AKIA" + "QYLPMN5HNZQ3T7UX"

GITHUB = "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"
