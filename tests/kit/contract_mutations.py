"""Ways to break the skill contract: each one an edit of the product, and the tests of tests/cli/autonomous-skill-contract.bats that
must turn red over it. `python tests/kit/contract_mutations.py` breaks a scratch copy in each way, and says which ways nobody saw.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from patience import PATIENCE
from places import ROOT

BATS = "tests/cli/autonomous-skill-contract.bats"
_COPIED = ("src", "scripts", "skills", "requirements", "hooks", ".claude-plugin", "plugin.json", "pyproject.toml", BATS)  # fmt: skip


class Mutation(NamedTuple):
    """One edit: `old` stands once in `file`, and the tests whose names match `seen_by` are to see `new` in its place."""

    name: str
    seen_by: str
    file: str
    old: str
    new: str


def _never(rule: str, seen_by: str) -> Mutation:
    """A rule that never fires."""
    module = f"src/correctless/lint/rules/contract/{rule.replace('-', '_')}.py"
    old = "def check(skill: Skill) -> Iterator[Finding]:\n"
    return Mutation(f"{rule} never fires", seen_by, module, old, f"{old}    return\n")


_S = "src/correctless/"
MUTATIONS = (
    _never("interaction-mode", "R-001 a missing"),
    _never("near-miss-key", "R-001 a missing"),
    _never("defaults-section", "R-00[23]"),
    _never("default-entry", "R-002 an entry"),
    _never("hybrid-escalates", "R-004"),
    _never("fork-interactive", "R-009"),
    _never("context", "R-009"),
    _never("deferred-default", "R-012"),
    Mutation("a mode in metadata is not read", "R-001 each", f"{_S}skill/contract.py", 'front.get("metadata") if front else None', "None"),
    Mutation("YAML that is refused is not recovered", "R-001 a mode", f"{_S}syntax/yaml_text.py", "return recover(block, refused, reader)", "return recover(block, refused, reader)._replace(root=None)"),
    Mutation("the dispatcher refuses no skill", "R-001 nothing", f"{_S}dispatch/control/plan.py", '    """Refuse a skill that cannot run unattended.\n\n    Raises: `Stop(3)`.\n    """\n', "    return\n"),
    Mutation("what stands in a code fence counts", "R-002 what only", f"{_S}syntax/markdown.py", "if fence := _FENCE.match(text):", "if fence := None:"),
    Mutation("the prompt without mode: autonomous", "R-005 the task", f"{_S}dispatch/step/prompt.py", '    parts = [\n        "mode: autonomous",\n', "    parts = [\n"),
    Mutation("the dispatcher runs what needs a conversation", "R-005 a skill", f"{_S}dispatch/control/plan.py", 'if stated.interaction_mode == "interactive":', "if False:"),
    Mutation("a writer that does nothing", "R-006 the writer", "scripts/autonomous-decision-writer.sh", 'door_exec writer "$@"', "exit 0"),
    Mutation("verify that always says yes", "R-006 the log", f"{_S}cli/log/decisions.py", "return exits.OK if report.intact else exits.FINDINGS\n\n\n@decisions.command(\n    epilog=\"\"\"Example: correctless decisions append", "return exits.OK\n\n\n@decisions.command(\n    epilog=\"\"\"Example: correctless decisions append"),
    Mutation("an entry of somebody else is taken", "R-006 while", f"{_S}ledger/ledger.py", "if self._alone and known is not None", "if False and known is not None"),
    Mutation("an agent may write the log", "R-006 while", f"{_S}cli/log/writer.py", "    if AGENT in env:\n", "    if False:\n"),
    Mutation("the nonce is ignored", "R-006 a block", f"{_S}decisions/block.py", "current = _Block(marker[1])", "current = _Block(nonce)"),
    Mutation("a summary that does not group by skill", "R-007", f"{_S}review/summary.py", "groups.setdefault(item.decision.skill, []).append(item)", 'groups.setdefault("all", []).append(item)'),
    Mutation("a summary without its heading of deferred escalations", "R-007", f"{_S}review/summary.py", '(_headline("Deferred escalations", parts.deferred), parts.deferred),', '(_headline("Also", parts.deferred), parts.deferred),'),
    Mutation("a pull request without its heading of deferred escalations", "R-007", f"{_S}review/summary.py", 'in (("Deferred escalations", parts.deferred), (', 'in (("Also", parts.deferred), ('),
    Mutation("a prompt that has options shown", "R-008", f"{_S}dispatch/step/prompt.py", "return f\"- {default.id}{mark} {subject}{default.choice or", "return f\"- {default.id}{mark} {subject}(default) {default.choice or"),
    Mutation("folders that are none are skills", "R-010", f"{_S}skill/find.py", 'return not name.startswith("_") and', "return"),
    Mutation("a fixed number of skills", "R-010", f"{_S}skill/find.py", 'child, inside = next(waiting[-1], (None, False))', 'child, inside = next(waiting[-1], (None, False)) if len(seen) < 12 else (None, False)'),
    Mutation("a deferral that is downgraded", "R-011", f"{_S}decisions/correction.py", '"corrected": corrected,', '"corrected": False,'),
    Mutation("a deferral without the contract's reason", "R-011", f"{_S}decisions/correction.py", "(escalation_reason or _reason(listed, skill)) if deferred", '(escalation_reason or "so") if deferred'),
    Mutation("a gate that is always open", "R-013 while", f"{_S}review/gate.py", "open=not waiting,", "open=True,"),
    Mutation("anybody may confirm", "R-013 while", f"{_S}project/person.py", '    if env.get("CLAUDECODE"):\n', "    return\n    if env:\n"),
    Mutation("any digest confirms", "R-013 while", f"{_S}review/coverage.py", "return len(bare) >= LEAST_DIGITS and digest.startswith(bare)", "return True"),
    Mutation("a log that was deleted is an open gate", "R-013 a log", f"{_S}review/gate.py", "    anchors.refuse_disproved(logs, repo, env)\n    branch, state", "    if not os.path.lexists(logs.decisions):\n        return GateState(True, (), None, None, {}, frozenset())\n    anchors.refuse_disproved(logs, repo, env)\n    branch, state"),
    Mutation("a decision that nobody listed is taken as listed", "R-014", f"{_S}decisions/correction.py", "entries = [entry for entry in contract.defaults if entry.id == claimed]", "entries = list(contract.defaults)"),
    Mutation("an unlisted decision is not deferred", "R-014", f"{_S}decisions/correction.py", '"incomplete", "unlisted", "unverified"})', '"incomplete", "unverified"})'),
)  # fmt: skip


def copy(into: Path) -> None:
    """What the bats file needs of this checkout; the environment is a link."""
    for name in _COPIED:
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, into / name)
        else:
            shutil.copy2(ROOT / name, into / name)
    (into / ".venv").symlink_to(ROOT / ".venv")


def apply(mutation: Mutation, top: Path) -> None:
    """Make the edit in a copy; `ValueError` when what it replaces does not stand there once."""
    file = top / mutation.file
    text = file.read_text("utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(
            f"{mutation.name}: {text.count(mutation.old)} times in {mutation.file}: {mutation.old}"
        )
    file.write_text(text.replace(mutation.old, mutation.new), "utf-8")


def bats(top: Path, seen_by: str = ".") -> subprocess.CompletedProcess[str]:
    """The tests whose names match, run in a copy."""
    words = [sys.executable, "-P", "-m", "bats_core", "--filter", seen_by, str(top / BATS)]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=PATIENCE, env=dict(os.environ)
    )


def turns_red(mutation: Mutation, top: Path) -> bool:
    """Whether a test of its own sees the mutation in a fresh copy at `top`."""
    copy(top)
    apply(mutation, top)
    done = bats(top, mutation.seen_by)
    return done.returncode == 1 and "\nnot ok " in done.stdout


def main() -> int:
    """Say of each mutation whether it was seen; 1 when one was not."""
    unseen = 0
    for mutation in MUTATIONS:
        with tempfile.TemporaryDirectory() as scratch:
            seen = turns_red(mutation, Path(scratch) / "copy")
        unseen += not seen
        sys.stdout.write(f"{'seen' if seen else 'NOT SEEN'}: {mutation.name} ({mutation.seen_by})\n")
        sys.stdout.flush()
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
