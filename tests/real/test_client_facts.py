"""The linter's lists beside the clients: `scripts/client-facts` writes what is there."""

from __future__ import annotations

import os
import subprocess

import pytest

from patience import PATIENCE
from places import ROOT
from programs import CACHE, claude_program, claude_versions

pytestmark = pytest.mark.real


@pytest.mark.parametrize("version", claude_versions())
def test_the_lists_of_a_version_are_what_its_client_says(version: str) -> None:
    claude_program(version)  # fails where it is not installed
    done = subprocess.run(
        [ROOT / "scripts" / "client-facts", "--check", version],
        env={**os.environ, "CORRECTLESS_CI_CACHE": str(CACHE)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not done.stdout


def test_a_version_that_is_not_installed_ends_with_3() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "client-facts", "--check", "0.0.1"],
        env={**os.environ, "CORRECTLESS_CI_CACHE": str(CACHE)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 3
    assert "scripts/setup-ci" in done.stderr
