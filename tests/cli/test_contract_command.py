"""`correctless contract` as whole commands: the authoring flow at a terminal, who may answer, and what tampering changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import contracts as c
import correctless
from conftest import Git
from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.ledger.ledger import Ledger
from correctless.runcontract.document import contract_file
from operators import COMPARE, ENDS, OWN, RUN, SPAWN, TEXT, Operator

FILE = "reports/compare.json"


@pytest.fixture
def op(scratch_repo: Path, git: Git) -> Operator:
    return Operator(scratch_repo, git)


@pytest.fixture
def active(op: Operator) -> Operator:
    op.activate()
    return op


def test_the_authoring_flow_from_new_to_an_allowed_action(scratch_repo: Path, git: Git) -> None:
    op = Operator(scratch_repo, git, text=None)
    git(op.top, "remote", "add", "origin", "https://github.com/acme/shop.git")
    said = {
        "Short id": RUN,
        "What is there": "sessions live in the new store",
        "Where it is tracked": "https://github.com/acme/shop/issues/7",
        "Repository": "",  # as guessed
        "Branch": "main",
        "Who answers": "",
        "Who acts": "claude",
        "Until when": ENDS,
    }
    code, shown = op.terminal("new", typed=tuple(said.items()))
    assert (code, "3 gaps" in shown) == (0, True), shown
    draft = op.contract.read_text()
    assert 'repo = "acme/shop"' in draft
    assert 'operator = "Ada"' in draft

    linted = op.run("lint")
    assert linted.returncode == exits.FINDINGS
    assert linted.stdout.count("[contract-gap]") == 3
    assert "0 faults, 3 gaps" in linted.stdout
    refused = op.run("surface")
    assert (refused.returncode, refused.stdout) == (exits.PERSON, "")
    assert op.status()["state"] == "draft"

    op.contract.write_text(TEXT)
    assert op.run("lint").stdout.startswith("clean, digest ")
    surfaced = op.run("surface")
    assert surfaced.returncode == 0
    assert contract_file.digest_of(TEXT.encode()) in surfaced.stdout
    assert "G1 merge (411, 412, 415)" in surfaced.stdout
    assert surfaced.stdout.endswith(TEXT)
    assert op.status()["state"] == "surfaced"

    assert op.run("pin").returncode == exits.PERSON  # nothing was answered
    op.answer("G1", "--scope", "411,412", "--except", "415")
    op.answer("G4", "--granted")
    op.answer("G2", "--refused")
    assert op.status()["state"] == "answered"
    assert op.codes(*SPAWN) == ("deny", ["state"])
    done = op.run("pin")
    assert (done.returncode, "assurance: terminal" in done.stdout) == (0, True)
    assert (op.folder / "pinned.md").read_bytes() == op.contract.read_bytes()

    assert op.status()["state"] == "active"
    allowed = op.ask(*SPAWN)
    assert (allowed["verdict"], len(allowed["permit"])) == ("allow", 16)
    assert op.codes("flip", "F1") == ("escalate", ["answer.refused"])
    assert op.codes("merge", "--pr", "415") == ("deny", ["constraint.C1"])
    assert op.codes("other", "deploy.prod") == ("deny", ["constraint.C1"])

    code, shown = op.terminal("close", "--note", "done")
    assert code == 0, shown
    assert op.status()["state"] == "closed"
    assert sorted(p.name for p in op.folder.glob("*.md")) == ["was-pinned.md"]
    assert op.codes(*SPAWN) == ("deny", ["state"])


PERSONS = (
    ("answer", "G1", "--granted"),
    ("answer", "--escalation", "E1-1", "--note", "x"),
    *((verb, "--signed", "x", "--signers", "y") for verb in ("answer", "revoke", "reaffirm", "waive")),
    ("revoke", "G1"),
    ("revoke", "--all"),
    ("close",),
    ("reaffirm", "C1", "other", "deploy.prod"),
    ("waive", "tests", "--head", "a" * 40, "--base-run", "3"),
)


@pytest.mark.parametrize("words", PERSONS, ids=" ".join)
def test_a_persons_command_refuses_inside_an_agent_and_without_a_terminal(
    words: tuple[str, ...], active: Operator
) -> None:
    before = (active.folder / "ledger.jsonl").read_bytes()
    for mark in ("CORRECTLESS_AGENT", "CLAUDECODE"):
        code, shown = active.terminal(*words, env={mark: "1"})
        assert code == exits.REFUSED, shown
    done = active.run(*words)
    assert done.returncode == exits.REFUSED, done
    assert (active.folder / "ledger.jsonl").read_bytes() == before
    assert (active.folder / "pinned.md").exists()


def test_an_answer_needs_the_digest_that_was_shown(op: Operator) -> None:
    op.run("surface")
    code, shown = op.terminal("answer", "G1", "--granted", typed=(("leave it", "yes"),))
    assert (code, "nothing was recorded" in shown) == (exits.PERSON, True)
    code, shown = op.terminal("answer", "G1", "--scope", "411,999")
    assert (code, "can't be wider than its ask" in shown) == (exits.USAGE, True)
    assert [ask["answer"] for ask in op.status()["asks"]] == ["not answered"] * 5


WORDS = (
    ("answer", "G5", "--granted"),
    ("reaffirm", "C1", "other", "deploy.prod"),
    ("waive", "tests", "--head", "a" * 40, "--base-run", "3"),
)


def test_what_is_granted_is_shown_item_by_item_and_what_was_used_beside_it(op: Operator) -> None:
    op.run("surface")
    assert "answer: granted: 411, 412, not 415" in op.answer("G1", "--except", "415")
    assert "answer: granted: max_agents=2, " in op.answer("G4", "--scope", "max_agents=2")
    asks = {ask["id"]: ask for ask in op.status()["asks"]}
    assert (asks["G1"]["scope"], asks["G1"]["items"]) == (["*"], ["411", "412"])
    assert asks["G4"]["items"][0] == "max_agents=2"
    said = op.run("status").stdout
    assert "  G1 merge: granted (411, 412)\n" in said
    assert "  G4 spawn: granted (max_agents=2, " in said
    assert "    used: 0 helpers, 0 running, 0.00 USD\n" in said


def test_an_id_that_the_contract_does_not_have_is_named_with_those_it_has(active: Operator) -> None:
    code, shown = active.terminal("reaffirm", "C99", "other", "deploy.prod")
    assert (code, "unknown constraint 'C99'. known: C1" in shown) == (exits.USAGE, True), shown
    head = "a" * 40
    code, shown = active.terminal("waive", "test", "--head", head, "--base-run", "3")
    assert (code, "unknown check 'test'. required: tests, lint" in shown) == (exits.USAGE, True), shown
    added = active.run("review", "add", "--pr", "411", "--area", "dta", "--by", "grace", "--worktree", ".")
    assert (added.returncode, "no area 'dta' found. Write one of: " in added.stderr) == (exits.USAGE, True)


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
def test_nothing_is_recorded_when_the_contract_changes_while_a_person_answers(
    words: tuple[str, ...], active: Operator
) -> None:
    short = contract_file.digest_of(TEXT.encode())[:8]

    def changed() -> str:
        active.contract.write_text(TEXT.replace("no deploys", "no deploys at all"))
        assert active.run("surface").returncode == 0
        return short

    code, shown = active.terminal(*words, typed=(("leave it", changed),))
    assert (code, "for other bytes than contract.md holds now" in shown) == (exits.PERSON, True), shown
    assert [item["record"] for item in on_record(active)][-1] == "surfaced"


def on_record(op: Operator) -> list[dict[str, Any]]:
    return [dict(entry.fields) for entry in Ledger(str(op.folder / "ledger.jsonl")).read()]


def test_a_persons_word_at_a_terminal_must_fit_what_there_is(active: Operator) -> None:
    before = on_record(active)
    for words, why in (
        (("answer", "G9", "--granted"), "unknown ask 'G9'"),
        (("answer", "--escalation", "E1-9", "--note", "x"), "no open escalation 'E1-9'"),
        (("revoke", "G9"), "unknown ask 'G9'"),
        (("reaffirm", "C9", "other", "deploy.prod"), "unknown constraint 'C9'"),
        (("reaffirm", "C1", "other", "Deploy"), "can't be judged"),
        (("waive", "tests", "--head", "abc", "--base-run", "3"), "not a full commit id"),
    ):
        code, shown = active.terminal(*words)
        assert (code, why in shown) == (exits.USAGE, True), shown
    assert on_record(active) == before


def test_any_edit_voids_the_answers_and_putting_it_back_restores_what_was_pinned(active: Operator) -> None:
    assert active.ask(*SPAWN)["verdict"] == "allow"
    active.contract.write_text(TEXT + " \n")
    assert active.codes("other", "deploy.prod") == ("escalate", ["digest"])
    assert active.status()["state"] == "void"
    active.contract.write_text(TEXT)
    assert active.status()["state"] == "active"
    active.contract.unlink()
    assert active.codes("other", "deploy.prod")[0] == "escalate"


def test_a_revision_needs_everything_again(active: Operator) -> None:
    revised = TEXT.replace("no deploys", "no deploys at all")
    active.contract.write_text(revised)
    diff = active.run("diff")
    assert diff.returncode == exits.FINDINGS
    assert "## 7. Standing constraints" in diff.stdout
    assert '+text = "no deploys at all"' in diff.stdout
    assert "## 1." not in diff.stdout
    active.run("surface")
    assert active.run("pin").returncode == exits.PERSON
    active.contract.write_text(TEXT)  # the older one again: its answers ended when the newer one was surfaced
    assert active.codes(*SPAWN) == ("escalate", ["answer.none"])
    active.contract.write_text(revised)
    active.answer("G4", "--granted")
    assert active.run("pin").returncode == 0
    assert active.ask(*SPAWN)["verdict"] == "allow"


@pytest.mark.parametrize("line", [1, -1], ids=["first", "last"])
def test_a_changed_ledger_allows_nothing(line: int, active: Operator) -> None:
    ledger = active.folder / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    at = line if line >= 0 else len(lines) - 1
    lines[at] = lines[at].replace(b"V1", b"V2").replace(b'"G1"', b'"G5"')
    ledger.write_bytes(b"".join(lines))
    assert active.codes(*SPAWN) == ("escalate", ["ledger"])
    done = active.run("status")
    assert done.returncode == exits.REFUSED


def test_a_ledger_whose_tail_was_cut_off_allows_nothing(active: Operator) -> None:
    code, _ = active.terminal("revoke", "G4")
    assert code == 0
    assert active.codes(*SPAWN) == ("escalate", ["answer.revoked"])
    ledger = active.folder / "ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(
        b"".join(
            line
            for line in lines
            if b'"revoke"' not in line and b'"decision"' not in line and b'"escalation"' not in line
        )
    )
    assert active.codes(*SPAWN) == ("escalate", ["ledger"])
    ledger.unlink()
    assert active.codes(*SPAWN)[1][0] == "ledger"


def test_the_pinned_bytes_must_be_there(active: Operator) -> None:
    (active.folder / "pinned.md").rename(active.folder / "elsewhere.md")
    assert active.codes(*SPAWN) == ("escalate", ["pinned"])
    assert active.run("pin").returncode == 0
    assert active.ask(*SPAWN)["verdict"] == "allow"
    pinned = active.folder / "pinned.md"
    pinned.chmod(0o644)
    pinned.write_text(TEXT.replace("no deploys", "some deploys"))
    assert active.codes("other", "mail.send") == ("escalate", ["pinned"])


def test_a_full_disk_denies(active: Operator) -> None:
    program = (
        "import resource, sys; from correctless import cli\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({(active.folder / 'ledger.jsonl').stat().st_size},) * 2)\n"
        f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nsys.exit(cli.main(['contract', 'authorize', *{SPAWN!r}, '--json']))"
    )
    before = (active.folder / "ledger.jsonl").read_bytes()
    src = str(Path(correctless.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=active.top,
        env={**active.env, "PYTHONPATH": src},
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], found["clauses"][0]["code"], found["permit"]) == (
        1,
        "deny",
        "ledger.write",
        "",
    )
    assert (active.folder / "ledger.jsonl").read_bytes() == before


def test_a_budget_is_used_up_by_helpers_and_one_permit_starts_no_more_than_it_says(active: Operator) -> None:
    permit = active.ask(*SPAWN)["permit"]
    assert active.codes(*SPAWN) == ("deny", ["spawn.concurrent"])
    assert active.run("helper", "start", "a", "--permit", "0" * 16).returncode == exits.FINDINGS
    assert active.run("helper", "start", "a", "--permit", permit).returncode == 0
    assert active.run("helper", "start", "b", "--permit", permit).returncode == 0
    done = active.run("helper", "start", "c", "--permit", permit)
    assert (done.returncode, "used up" in done.stderr) == (exits.FINDINGS, True)
    assert active.run("helper", "end", "a", "--cost", "3").returncode == 0
    assert active.run("helper", "end", "b").returncode == 0
    # What b cost nobody knows, so it cost the rest.
    assert active.codes(*SPAWN) == ("escalate", ["budget.cost"])
    assert active.status()["asks"][-1]["used"] == {"agents": 2, "running": 0, "cost_usd": None}


def test_a_gate_is_green_only_while_its_evidence_holds(active: Operator) -> None:
    def colour() -> str:
        return str(json.loads(active.run("board", "--json").stdout)[0]["colour"])

    assert colour() == "RED"
    assert active.codes("flip", "F1") == ("deny", ["gate.red"])
    assert active.run("evidence", "V1", "--claim", "I looked").returncode == exits.FINDINGS
    assert colour() == "AMBER"
    assert active.codes("flip", "F1")[0] == "escalate"
    assert "| AMBER | V1 |" in (active.folder / "board.md").read_text()
    (active.top / "wanted").write_text("10")
    assert "partial" in active.run("evidence", "V1").stdout
    assert colour() == "AMBER"
    (active.top / "wanted").write_text("0")
    assert active.run("evidence", "V1").returncode == 0
    assert colour() == "GREEN"
    (active.top / "reports" / "compare.json").write_text("{}")
    assert colour() == "RED"
    assert active.run("evidence", "V1").returncode == 0
    (active.top / "README.md").write_text("changed\n")
    assert colour() == "RED"
    active.git(active.top, "commit", "-qam", "changed")
    assert colour() == "RED"
    assert active.run("evidence", "V1").returncode == 0
    assert colour() == "GREEN"


def hide_from_the_index(op: Operator) -> None:
    op.git(op.top, "update-index", "--assume-unchanged", "tools/compare.py")


def hide_from_the_worktree(op: Operator) -> None:
    op.git(op.top, "update-index", "--skip-worktree", "tools/compare.py")


def hide_by_a_filter(op: Operator) -> None:
    (op.top / ".git/info/attributes").write_text("*.py filter=lie\n")
    op.git(op.top, "config", "filter.lie.clean", "cat >/dev/null; git cat-file blob HEAD:%f")
    op.git(op.top, "add", "tools/compare.py")


@pytest.mark.parametrize(
    "hide", [hide_from_the_index, hide_from_the_worktree, hide_by_a_filter], ids=lambda w: w.__name__
)
def test_a_check_that_passed_over_hidden_changes_is_no_green(
    active: Operator, hide: Callable[[Operator], None]
) -> None:
    (active.top / "tools/compare.py").write_text("raise SystemExit(1)\n")
    active.git(active.top, "commit", "-qam", "it fails")
    assert active.run("evidence", "V1").returncode == exits.FINDINGS
    (active.top / "tools/compare.py").write_text(COMPARE)
    hide(active)
    assert active.git(active.top, "status", "--porcelain") == ""
    done = active.run("evidence", "V1")
    assert done.returncode == exits.FINDINGS
    assert "partial (tools/compare.py is not as in the commit)" in done.stdout
    [light] = json.loads(active.run("board", "--json").stdout)
    assert light["colour"] == "RED"
    assert any("tools/compare.py is not as in the commit" in reason for reason in light["reasons"])


@pytest.mark.parametrize("exclude", ["", "*.py\n"], ids=["untracked", "excluded"])
def test_a_check_that_imports_a_file_of_no_commit_is_no_green(active: Operator, exclude: str) -> None:
    (active.top / "tools/compare.py").write_text(
        f"from ours import wanted\n{COMPARE}".replace("sys.exit(int(wanted))", "sys.exit(0)")
    )
    active.git(active.top, "commit", "-qam", "it needs ours")
    (active.top / "tools/ours.py").write_text("wanted = 0\n")
    (active.top / ".git/info/exclude").write_text(exclude)
    done = active.run("evidence", "V1")
    assert (done.returncode, "partial (tools/ours.py is not as" in done.stdout) == (exits.FINDINGS, True), (
        done.stdout
    )
    assert json.loads(active.run("board", "--json").stdout)[0]["colour"] == "RED"


def test_a_file_that_is_changed_and_put_back_while_the_check_runs_is_seen(active: Operator) -> None:
    undone = "import pathlib\np = pathlib.Path('README.md')\nkept = p.read_text()\np.write_text('x')\np.write_text(kept)\n"
    (active.top / "tools/compare.py").write_text(undone + COMPARE)
    active.git(active.top, "commit", "-qam", "it writes")
    done = active.run("evidence", "V1")
    assert (done.returncode, "README.md was written to while it ran" in done.stdout) == (
        exits.FINDINGS,
        True,
    ), done.stdout


TRANSIENT = """\
import pathlib
p = pathlib.Path('tools/json.py')
p.write_text("def dumps(x): return 'forged'")
p.unlink()
"""


def light(op: Operator) -> str:
    return str(json.loads(op.run("board", "--json").stdout)[0]["colour"])


def test_a_file_that_comes_and_goes_while_the_check_runs_is_seen(active: Operator) -> None:
    (active.top / "tools/compare.py").write_text(TRANSIENT + COMPARE)
    active.git(active.top, "commit", "-qam", "something beside it comes and goes")
    done = active.run("evidence", "V1")
    assert (done.returncode, "tools/ was written to while it ran" in done.stdout) == (exits.FINDINGS, True), (
        done.stdout
    )
    assert active.codes("flip", "F1")[0] == "deny"


@pytest.mark.parametrize(
    "ignored", ["__pycache__/\n/wanted\n/.correctless/\n", "*.pyc\n/reports/\n/wanted\n/.correctless/\n"]
)
def test_caches_that_the_commit_ignores_spoil_no_check(active: Operator, ignored: str) -> None:
    del active.env["PYTHONDONTWRITEBYTECODE"]
    (active.top / ".gitignore").write_text(ignored)
    (active.top / "tools/ours.py").write_text("")
    (active.top / "tools/compare.py").write_text(f"import ours\n{COMPARE}")
    active.git(active.top, "add", ".")
    active.git(active.top, "commit", "-qm", "it imports")
    for _ in range(2):  # the first makes the folders, the second finds them
        done = active.run("evidence", "V1")
        assert (done.returncode, light(active)) == (exits.OK, "GREEN"), done.stdout
    assert list((active.top / "tools/__pycache__").iterdir())


@pytest.mark.parametrize("make", ["mkfifo", "mkdir", "symlink"])
def test_what_is_no_regular_file_is_no_evidence(active: Operator, make: str) -> None:
    made = {
        "mkfifo": f"os.mkfifo({FILE!r})",
        "mkdir": f"os.mkdir({FILE!r})",
        "symlink": f"os.symlink('/dev/null', {FILE!r})",
    }
    (active.top / "tools/compare.py").write_text(f"import os\nos.makedirs('reports')\n{made[make]}\n")
    active.git(active.top, "commit", "-qam", "it makes no file")
    done = active.run("evidence", "V1")
    assert (done.returncode, f"{FILE} was not written" in done.stdout) == (exits.FINDINGS, True), done.stdout
    assert light(active) == "AMBER"


def test_a_link_that_leads_out_of_the_worktree_is_no_green(active: Operator) -> None:
    (active.top / "tools/lib.py").symlink_to("/nowhere/lib.py")
    active.git(active.top, "add", ".")
    active.git(active.top, "commit", "-qm", "a link")
    assert "partial (tools/lib.py leads out of the worktree)" in active.run("evidence", "V1").stdout
    assert light(active) == "RED"


def test_a_forged_object_of_the_commit_is_no_green(active: Operator) -> None:
    tree = active.git(active.top, "rev-parse", "HEAD:tools")
    (active.top / "tools/compare.py").write_text(COMPARE.replace("sys.exit", "print"))
    blob = active.git(active.top, "hash-object", "-w", "tools/compare.py")
    body = b"100644 compare.py\0" + bytes.fromhex(blob)
    path = active.top / ".git/objects" / tree[:2] / tree[2:]
    path.unlink()
    path.write_bytes(zlib.compress(b"tree %d\0" % len(body) + body))
    done = active.run("evidence", "V1")
    assert (done.returncode, f"the object {tree[:12]} in" in done.stderr) == (exits.REFUSED, True), (
        done.stderr
    )
    assert light(active) == "RED"


def with_own_checkout(top: Path, git: Git, prepare: str) -> Operator:
    """A contract whose check runs in a checkout of its own, after a line of Python ran there."""
    made = json.dumps([sys.executable, "-c", prepare])
    op = Operator(top, git, TEXT.replace(OWN[0], f"{OWN[1]}\nprepare = {made}"))
    needs = "assert os.path.exists('prepared')\nsys.exit"
    (op.top / "tools/compare.py").write_text(COMPARE.replace("sys.exit", needs))
    git(op.top, "commit", "-qam", "it needs what was prepared")
    op.activate()
    return op


@pytest.fixture
def own(scratch_repo: Path, git: Git) -> Operator:
    return with_own_checkout(scratch_repo, git, "open('prepared', 'w')")


def test_a_check_in_a_checkout_of_its_own_sees_the_commit_alone(own: Operator) -> None:
    def colour() -> str:
        return str(json.loads(own.run("board", "--json").stdout)[0]["colour"])

    (own.top / "wanted").write_text("1")  # ignored, so it is in no commit
    (own.top / "README.md").write_text("changed\n")
    done = own.run("evidence", "V1")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert colour() == "GREEN"
    assert json.loads((own.top / "reports/compare.json").read_text()) == {"differ": 0}
    assert not (own.top / "prepared").exists()
    (own.top / "tools/compare.py").write_text("raise SystemExit(1)\n")
    own.git(own.top, "commit", "-qam", "it fails")
    assert colour() == "RED"
    (own.top / "tools/compare.py").write_text(COMPARE)
    own.git(own.top, "update-index", "--assume-unchanged", "tools/compare.py")
    assert own.run("evidence", "V1").returncode == exits.FINDINGS
    assert colour() == "RED"


def test_a_file_that_comes_and_goes_in_a_checkout_of_its_own_is_seen(own: Operator) -> None:
    (own.top / "tools/compare.py").write_text(TRANSIENT + COMPARE)
    own.git(own.top, "commit", "-qam", "something beside it comes and goes")
    assert "partial (tools/ was written to while it ran)" in own.run("evidence", "V1").stdout


def test_a_file_that_a_check_leaves_in_a_checkout_of_its_own_is_seen(own: Operator) -> None:
    (own.top / "tools/compare.py").write_text("open('tools/left.py', 'w')\n" + COMPARE)
    own.git(own.top, "commit", "-qam", "something is left beside it")
    assert "partial (tools/left.py was written to while it ran)" in own.run("evidence", "V1").stdout


def test_a_checkout_that_is_written_to_while_the_check_runs_is_no_green(own: Operator) -> None:
    (own.top / "tools/compare.py").write_text("open('README.md', 'a').write('x')\n" + COMPARE)
    own.git(own.top, "commit", "-qam", "it writes")
    assert "partial (README.md was written to while it ran)" in own.run("evidence", "V1").stdout


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        ("open('prepared', 'w'), open('README.md', 'w')", "partial (README.md was changed before it ran)"),
        ("raise SystemExit(3)", "failed (its prepare ended with 3)"),
    ],
)
def test_what_prepare_does_to_the_commit_or_can_not_do_is_no_green(
    scratch_repo: Path, git: Git, prepare: str, said: str
) -> None:
    done = with_own_checkout(scratch_repo, git, prepare).run("evidence", "V1")
    assert (done.returncode, said in done.stdout) == (exits.FINDINGS, True), done.stdout


def test_evidence_of_a_checkout_is_not_brought_through_a_link(own: Operator, tmp_path: Path) -> None:
    (own.top / "reports").symlink_to(tmp_path)
    assert own.run("evidence", "V1").returncode == exits.REFUSED
    assert not (tmp_path / "compare.json").exists()


def test_evidence_from_a_worktree_does_not_do_where_the_contract_wants_a_checkout(active: Operator) -> None:
    assert active.run("evidence", "V1").returncode == exits.OK
    c.place(active.top, TEXT.replace(*OWN), run=RUN)
    active.contract.write_text(TEXT.replace(*OWN))
    [light] = json.loads(active.run("board", "--json").stdout)
    assert light["colour"] != "GREEN"


@pytest.mark.parametrize("hidden", ["--assume-unchanged", "--skip-worktree"])
def test_a_review_from_a_worktree_with_hidden_changes_is_no_clean_one(
    active: Operator, tmp_path: Path, hidden: str
) -> None:
    linked = tmp_path / "r412"
    active.git(active.top, "worktree", "add", "-q", "--detach", str(linked))
    (linked / "README.md").write_text("other\n")
    active.git(linked, "update-index", hidden, "README.md")
    assert active.git(linked, "status", "--porcelain") == ""
    words = (
        "review",
        "add",
        "--pr",
        "412",
        "--area",
        "data",
        "--by",
        "grace",
        "--worktree",
        str(linked),
        "--json",
    )
    assert json.loads(active.run(*words).stdout)["worktree_clean"] is False


def test_authorize_escalates_once_for_each_target_and_a_person_answers_it(active: Operator) -> None:
    for _ in range(2):
        assert active.codes("other", "mail.send") == ("escalate", ["answer.not_asked"])
    found = active.status()["escalations"]
    assert [(o["condition"], o["target"]) for o in found] == [("E2", "other:mail.send")]
    code, shown = active.terminal("answer", "--escalation", found[0]["id"], "--note", "no mail")
    assert code == 0, shown
    assert active.status()["escalations"] == []


def test_an_escalation_of_the_agent_freezes_what_its_condition_says(active: Operator) -> None:
    words = ("escalate", "E1", "--target", "412", "--blocked", "b", "--tried", "t", "--recommend", "r")
    assert active.run(*words, "--decision-needed", " ").returncode == exits.USAGE
    assert active.run(*words, "--decision-needed", "go on?").returncode == exits.PERSON
    again = active.run(*words, "--decision-needed", "go on now?")
    assert again.returncode == exits.PERSON
    assert len(active.status()["escalations"]) == 1
    assert active.codes("merge", "--pr", "412") == ("escalate", ["frozen.E1"])
    assert active.ask(*SPAWN)["verdict"] == "allow"


def test_two_failed_fixes_of_one_symptom_stop_the_third(active: Operator) -> None:
    for _ in range(2):
        assert active.run("record", "fix", "--symptom", "slow login", "--result", "failed").returncode == 0
    assert active.codes("merge", "--pr", "412") == ("deny", ["constraint.C2"])
    assert active.codes(*SPAWN) == ("escalate", ["frozen.E3"])
    code, shown = active.terminal("answer", "--escalation", "counter-E3", "--note", "look at the cache")
    assert code == 0, shown
    assert active.ask(*SPAWN)["verdict"] == "allow"


def test_a_re_affirmation_is_good_once(active: Operator) -> None:
    short = contract_file.digest_of(TEXT.encode())[:8]
    code, shown = active.terminal("reaffirm", "C1", "other", "deploy.prod", typed=(("leave it", short),))
    assert code == 0, shown
    assert active.ask("other", "deploy.prod")["verdict"] == "allow"
    assert active.codes("other", "deploy.prod") == ("deny", ["constraint.C1"])


@pytest.mark.parametrize("by", ["claude", "Claude"])
def test_the_contracts_agent_reviews_nothing(active: Operator, by: str) -> None:
    done = active.run("review", "add", "--pr", "412", "--area", "data", "--by", by, "--worktree", ".")
    assert (done.returncode, f"{by} is the contract's agent" in done.stderr) == (exits.REFUSED, True)


def test_a_review_names_the_head_of_a_clean_worktree(active: Operator, tmp_path: Path) -> None:
    linked = tmp_path / "r412"
    active.git(active.top, "worktree", "add", "-q", "--detach", str(linked))
    words = (
        "review",
        "add",
        "--pr",
        "412",
        "--area",
        "data",
        "--by",
        "grace",
        "--worktree",
        str(linked),
        "--json",
    )
    found = json.loads(active.run(*words).stdout)
    assert (found["head"], found["worktree_clean"]) == (active.git(active.top, "rev-parse", "HEAD"), True)
    (linked / "new").write_text("x")
    assert json.loads(active.run(*words).stdout)["worktree_clean"] is False
    other = tmp_path / "other"
    other.mkdir()
    active.git(other, "init", "-q")
    assert (
        active.run(
            "review", "add", "--pr", "412", "--area", "data", "--by", "grace", "--worktree", str(other)
        ).returncode
        == exits.REFUSED
    )


def test_a_contract_is_the_main_worktrees_wherever_it_is_asked_from(active: Operator, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    active.git(active.top, "worktree", "add", "-q", "-b", "other", str(linked))
    done = active.run("authorize", *SPAWN, "--json", cwd=linked)
    assert json.loads(done.stdout)["verdict"] == "allow"


def test_an_unknown_word_and_a_missing_run_are_no_yes(op: Operator) -> None:
    assert op.run("authorize", "delete", "everything").returncode == exits.FINDINGS
    assert op.run("authorize", "merge").returncode == exits.FINDINGS
    assert op.run("authorize", *SPAWN, "--run", "../../etc").returncode == exits.USAGE
    for words in (("authorize", *SPAWN), ("pin",), ("board",), ("status",)):
        missing = op.run(*words, "--run", "nonesuch")
        assert missing.returncode == exits.REFUSED
        assert f"no contract 'nonesuch' found. known: {RUN}" in missing.stderr
    assert not (op.top / ".correctless/artifacts/contract-nonesuch").exists()
    assert op.run("authorize", *SPAWN, "--agents", "many").returncode == exits.USAGE


def test_a_symbolic_link_in_the_contracts_place_is_not_followed(active: Operator) -> None:
    aside = active.contract.with_name("aside.md")
    active.contract.rename(aside)
    active.contract.symlink_to(aside)
    assert active.codes(*SPAWN)[0] == "escalate"


def test_new_takes_what_is_known_from_a_file_and_overwrites_nothing(scratch_repo: Path, git: Git) -> None:
    op = Operator(scratch_repo, git, text=None)
    known = op.top / "known.toml"
    known.write_text(f'run_id = "{RUN}"\ndeliverable = "a \\"quoted\\"\\n## 9. Line"\nnot_after = {ENDS}\n')
    assert op.run("new", "--from", "known.toml").returncode == 0
    found = contract_file.read(op.contract.read_bytes(), "x")
    assert len(found.gaps) == 8  # git names the operator
    assert [f.message for f in found.faults] == [
        "'deliverable' has another form. write one line of visible text"
    ]
    assert op.run("new", "--from", "known.toml").returncode == exits.REFUSED
    known.write_text('status = "granted"\n')
    assert op.run("new", "--from", "known.toml").returncode == exits.USAGE


def test_the_ledger_is_verified_by_the_same_command_as_the_decisions_log(active: Operator) -> None:
    ledger = active.folder / "ledger.jsonl"
    done = subprocess.run(
        [*correctless.itself(), "decisions", "verify", "--offline", "--log", str(ledger)],
        cwd=active.top,
        env=active.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert [e.fields["record"] for e in Ledger(str(ledger)).read()] == [
        "surfaced",
        "answer",
        "answer",
        "answer",
        "answer",
        "pin",
    ]
    assert utcnow().isoformat()[:10] in ledger.read_text()


def test_the_schema_is_printed_by_both_commands(op: Operator) -> None:
    done = subprocess.run(
        [*correctless.itself(), "schema", "run-contract"],
        cwd=op.top,
        env=op.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == op.run("schema").stdout
    assert json.loads(done.stdout) == contract_file.schema()


def test_a_folder_is_no_evidence(scratch_repo: Path, git: Git) -> None:
    op = Operator(scratch_repo, git, TEXT.replace(OWN[0], 'evidence = "tools"'))
    done = op.run("lint")
    assert (done.returncode, "'evidence' of V1 is the folder tools" in done.stdout) == (exits.FINDINGS, True)
    assert op.run("surface").returncode == exits.PERSON


def test_a_cost_of_next_to_nothing_is_no_action(active: Operator) -> None:
    for cost in ("1e-320", "0.009"):
        assert active.codes("spawn", "--agents", "2", "--cost-usd", cost, "--minutes", "30")[0] == "deny"
    assert active.codes("spawn", "--agents", "2", "--cost-usd", "0.01", "--minutes", "30")[0] == "allow"


@pytest.mark.parametrize("edit", ["max_cost_usd = 40", "threshold = 0.01"])
def test_a_number_of_400_digits_is_a_fault_to_every_command(active: Operator, edit: str) -> None:
    key = edit.partition(" ")[0]
    active.contract.write_text(TEXT.replace(edit, f"{key} = {'9' * 400}"))
    for words in (
        ("lint",),
        ("surface",),
        ("status",),
        ("board",),
        ("pin",),
        ("evidence", "V1"),
        ("authorize", "flip", "F1"),
    ):
        done = active.run(*words)
        assert "unexpected" not in done.stderr + done.stdout, (words, done.stderr)
        assert "internal" not in done.stdout


def test_new_needs_nothing_but_a_repository(scratch_repo: Path, git: Git) -> None:
    op = Operator(scratch_repo, git, text=None)
    done = op.run("new")
    assert done.returncode == exits.OK, done.stderr
    assert ".correctless/contracts/feature-x/contract.md: a draft with" in done.stdout
    assert "Replace each [?: need operator input]" in done.stdout
    text = (op.top / ".correctless/contracts/feature-x/contract.md").read_text()
    assert ('run_id = "feature-x"' in text, 'operator = "Ada"' in text) == (True, True)
    assert op.run("new", "--run", RUN).returncode == exits.OK
    assert op.contract.exists()
    lint = op.run("lint", "--run", RUN)
    assert (lint.returncode, "0 faults" in lint.stdout) == (exits.FINDINGS, True), lint.stdout
    assert op.run("new", "--run", "../x").returncode == exits.USAGE
    op.git(op.top, "switch", "-q", "--detach")
    done = op.run("new")
    assert (done.returncode, "contract new --run ID" in done.stderr) == (exits.USAGE, True)


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_a_failed_check_says_why(scratch_repo: Path, git: Git, sandbox: str) -> None:
    text = TEXT.replace('bind = "revision"', f'bind = "revision"\nsandbox = "{sandbox}"', 1)
    op = Operator(scratch_repo, git, text)
    said = "print('one')\nimport sys\nsys.stderr.write('why\\x1b[2J\\n')\nsys.exit(7)\n"
    (op.top / "tools/compare.py").write_text(said)
    git(op.top, "commit", "-qam", "it fails")
    op.activate()
    done = op.run("evidence", "V1")
    assert done.returncode == exits.FINDINGS
    assert "V1: failed" in done.stdout
    assert "ended with exit 7" in done.stdout
    assert "| one\n  | why" in done.stdout
    assert "\x1b" not in done.stdout
    kept = op.folder / "output-V1.txt"
    assert f"full output: {os.path.relpath(kept, op.top)}" in done.stdout
    assert b"one\nwhy\x1b[2J\n" in kept.read_bytes()


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_a_program_that_is_missing_is_named(scratch_repo: Path, git: Git, sandbox: str) -> None:
    text = TEXT.replace('bind = "revision"', f'bind = "revision"\nsandbox = "{sandbox}"', 1)
    check = json.dumps([sys.executable, "tools/compare.py"])
    assert check in text
    op = Operator(scratch_repo, git, text.replace(check, '["no-such-program", "x"]'))
    op.activate()
    done = op.run("evidence", "V1")
    assert (done.returncode, "exit 127: no-such-program was not found" in done.stdout) == (
        exits.FINDINGS,
        True,
    ), done.stdout
