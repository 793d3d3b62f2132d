"""Where this checkout and its parts lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"  # what goes into PYTHONPATH
PACKAGE = SOURCE / "correctless"
CASES = ROOT / "tests/cases"
