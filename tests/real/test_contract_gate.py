"""A gate's check runs what agents wrote: in the sandbox it reaches no further than an agent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from correctless.base import exits
from operators import OWN, TEXT, Operator

pytestmark = pytest.mark.real

Git = Callable[..., str]
HOSTILE = """\
import json, os, pathlib
top, home = pathlib.Path(os.environ["THE_WORKTREE"]), pathlib.Path.home()
seen = [name for name in ("GH_TOKEN", "SSH_AUTH_SOCK") if name in os.environ]
def tried(act, *words):
    try:
        return act(*words)
    except OSError:
        return ""
def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        file.write("# reached")
ours = ("contracts/sessions-cutover/contract.md", "artifacts/contract-sessions-cutover/ledger.jsonl", "artifacts/forged")
for path in [
    *(top / ".correctless" / name for name in ours),
    *(top / ".git" / name for name in ("config", "hooks/post-commit", "info/attributes", "packed-refs")),
    top.parent / "next-door/file", home / "file",
]:
    tried(write, path)
tried(os.rename, top / ".git", top / ".g2")
seen.append(tried((home / ".ssh/id_ed25519").read_text))
os.makedirs("reports", exist_ok=True)
pathlib.Path("reports/compare.json").write_text(json.dumps([each for each in seen if each]))
"""


def reached(top: Path, git: Git, *edits: tuple[str, str]) -> tuple[int, set[str]]:
    """The exit code of `contract evidence`, and what its check got hold of."""
    text = TEXT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    op = Operator(top, git, text)
    key = Path.home() / ".ssh/id_ed25519"
    key.parent.mkdir(exist_ok=True)
    key.write_text("the key")
    (top / "tools/compare.py").write_text(HOSTILE)
    git(top, "commit", "-qam", "a check as an agent wrote it")
    op.activate()
    op.env |= {"GH_TOKEN": "secret", "SSH_AUTH_SOCK": "/nowhere", "THE_WORKTREE": str(top)}
    done = op.run("evidence", "V1")
    found = top / "reports/compare.json"
    assert found.exists(), done.stdout + done.stderr
    written = {
        path.name
        for folder in (top.parent, Path.home())
        for path in folder.rglob("*")
        if path.is_file() and path.read_bytes().endswith(b"# reached")
    }
    moved = ["moved"] if (top / ".g2").exists() else []
    return done.returncode, {*json.loads(found.read_text()), *written, *moved}


EVIDENCE = OWN[0]


@pytest.mark.parametrize("checkout", ["here", "own"])
@pytest.mark.parametrize("mode", ["", 'sandbox = "require"'])
def test_a_check_reaches_nothing_outside_of_its_worktree(
    scratch_repo: Path, git: Git, checkout: str, mode: str
) -> None:
    words = f'{EVIDENCE}\ncheckout = "{checkout}"\n{mode}'
    assert reached(scratch_repo, git, (EVIDENCE, words)) == (exits.OK, set())


def test_without_the_sandbox_all_of_it_is_reached(scratch_repo: Path, git: Git) -> None:
    words = f'{EVIDENCE}\nsandbox = "off"'
    _, found = reached(scratch_repo, git, (EVIDENCE, words))
    files = {"config", "post-commit", "attributes", "packed-refs", "file", "contract.md", "forged"}
    assert files | {"GH_TOKEN", "SSH_AUTH_SOCK", "the key", "moved"} <= found


def test_what_a_contract_names_can_be_written_or_read(scratch_repo: Path, git: Git) -> None:
    words = f'{EVIDENCE}\nwritable = ["{scratch_repo.parent}/next-door"]\nreadable = ["~/.ssh/id_ed25519"]'
    (scratch_repo.parent / "next-door").mkdir()
    _, found = reached(scratch_repo, git, (EVIDENCE, words))
    assert found == {"file", "the key"}
    assert (scratch_repo.parent / "next-door/file").exists()


def test_a_check_of_something_elsewhere_has_your_rights(scratch_repo: Path, git: Git) -> None:
    _, found = reached(scratch_repo, git, ('bind = "revision"', 'bind = "time"'))
    assert "the key" in found
