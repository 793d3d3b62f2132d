"""What is shipped: the manifests, the locks, and the wheel, which is built offline and run unpacked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import correctless
from places import PACKAGE, ROOT


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    return {found[1]: found[2] for found in re.finditer(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}


def test_both_manifests_are_the_same_bytes() -> None:
    assert (ROOT / "plugin.json").read_bytes() == (ROOT / ".claude-plugin" / "plugin.json").read_bytes()


def test_the_version_is_the_manifest_s() -> None:
    assert correctless.__version__ == json.loads((ROOT / "plugin.json").read_text())["version"]


def test_the_development_lock_holds_every_pin_of_the_runtime_lock() -> None:
    # a door takes an environment made by scripts/test for one of its own
    assert pins("run.lock").items() <= pins("dev.lock").items()


@pytest.mark.parametrize("name", ["run.lock", "dev.lock", "docs.lock"])
def test_a_lock_has_hashes_for_every_package_and_names_no_host(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    entries = re.split(r"\n(?=\w)", text.strip())
    assert len(entries) > 8
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "--index" not in text


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout as an installer leaves it, programs executable."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    site = folder / "lib" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = archive.extract(member, site)
            if member.external_attr >> 16 & 0o111:
                os.chmod(path, 0o755)
    return site


def test_the_wheel_holds_what_the_plugin_needs(unpacked: Path) -> None:
    inside = unpacked / "correctless"
    for folder in ("skills", "hooks", "scripts", ".claude-plugin"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert (inside / "plugin" / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    assert list((inside / "plugin" / "skills").glob("*/SKILL.md"))
    assert (inside / "plugin" / "plugin.json").read_bytes() == (ROOT / "plugin.json").read_bytes()
    for path in PACKAGE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert (inside / path.relative_to(PACKAGE)).is_file(), path


def test_the_wheel_s_package_runs_where_it_was_unpacked(unpacked: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", unpacked / "correctless" / "__main__.py", "--version"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"correctless {correctless.__version__}\n")


def test_a_door_of_the_wheel_runs_the_wheel_s_package(unpacked: Path, tmp_path: Path) -> None:
    # another version, so that an answer by this checkout shows
    manifest = unpacked / "correctless" / "plugin" / "plugin.json"
    kept = manifest.read_text()
    manifest.write_text(kept.replace(correctless.__version__, "8.8.8"))
    try:
        done = subprocess.run(
            [unpacked / "correctless" / "plugin" / "scripts" / "correctless", "--version"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)},
        )  # fmt: skip
    finally:
        manifest.write_text(kept)
    assert (done.returncode, done.stdout, done.stderr) == (0, "correctless 8.8.8\n", "")
