"""The corpus of real skills beside the checkout, unpacked; a test failure where it is not there. Never a skip."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from places import ROOT

PACKED = ROOT.parent / "shared" / "data" / "skills-corpus.tar.gz"


def unpack(into: Path) -> Path:
    """The folder of the corpus below `into`."""
    if not PACKED.exists():
        pytest.fail(f"the corpus is not at {PACKED}: put skills-corpus.tar.gz there")
    with tarfile.open(PACKED) as archive:
        archive.extractall(into, filter="data")
    return into / "skills-corpus"
