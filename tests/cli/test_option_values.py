"""What is typed for a number, a name or an id: taken as it is meant, or refused by a message, whatever it is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import contracts
import correctless
from conftest import Git
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.cli import main
from correctless.project import person
from correctless.project.git import find
from project import Project

NO_AMOUNTS = (
    *(
        "nan",
        "-nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "1e400",
        "-1e400",
        "-1",
        "-0.5",
        "1e10",
        "9" * 400,
        "9" * 5000,
    ),
    *("", " ", "x", "1,5", "1_0x", "0x10", "\u0661x", "1e", "--", "nan(1)", "\x00"),
)
NO_COUNTS = ("-1", "1.5", "nan", "inf", "1e3", "9" * 5000, "9" * 30, "", " ", "x", "²")
NO_NAMES = (
    *(
        "",
        " ",
        "\t",
        "\n",
        "\u00a0",
        "\u3000",
        "\u200b",
        "\u200d\u200b",
        "\u2800",
        "\u3164",
        "\u115f",
        "\ufeff",
        "\u00ad",
    ),
    *(
        "Ada\nGrace",
        "Ada\x00",
        "Ada\x1b[31m",
        "\u202eadA",
        "Ada\u200b",
        "Ada\u2028x",
        "Ada\u2066",
        "...",
        "-",
        "\u0301",
        "A" * 101,
    ),
    *("\ud800", "Ada\ufe0f", "\U000e0100x", "Ada\x7f"),
)
NAMES = (
    "Ada",
    " Ada ",
    "Ada Lovelace",
    "Åsa",
    "李",
    "Мария",
    "O'Neil",
    "ci-bot[1]",
    "Ada <ada@example.invalid>",
    "7",
)

RUN = ("cauto", "run", "--spec", "spec.md", "--agent", "command:true")
AMOUNTS = (
    (*RUN, "--max-usd={}"),
    (*RUN, "--max-minutes={}"),
    ("cauto", "check", "--spec", "spec.md", "--max-usd={}"),
    ("cauto", "resume", "--max-usd={}"),
    ("cauto", "resume", "--max-minutes={}"),
    ("contract", "helper", "end", "h1", "--cost={}"),
    ("contract", "helper", "start", "h1", "--cost={}"),
    ("contract", "authorize", "spawn", "--agents", "1", "--cost-usd={}"),
)
COUNTS = (
    ("contract", "authorize", "spawn", "--agents={}"),
    ("contract", "authorize", "spawn", "--agents", "1", "--minutes={}"),
    ("contract", "reaffirm", "C1", "other", "deploy.prod", "--minutes={}"),
    ("contract", "waive", "tests", "--base-run={}"),
    ("contract", "review", "add", "--area", "data", "--by", "Grace", "--worktree", ".", "--pr={}"),
    ("cauto", "resume", "--lock-fd={}"),
    ("lint", "--jobs={}"),
    ("metrics", "--since={}"),
)
NAMED = (
    (*RUN, "--approve-spec-as={}"),
    ("review", "--as={}", "--reject"),
    ("decisions", "new-workspace", "--as={}"),
    ("contract", "answer", "--as={}"),
    ("contract", "revoke", "--all", "--as={}"),
    ("contract", "reaffirm", "C1", "other", "deploy.prod", "--as={}"),
    ("contract", "review", "add", "--area", "data", "--pr", "1", "--worktree", ".", "--by={}"),
)


def worded(words: tuple[str, ...], value: str) -> list[str]:
    return [word.replace("{}", value) for word in words]


@pytest.fixture
def active(scratch_repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(scratch_repo, git)
    contracts.place(scratch_repo, contracts.TEXT)
    monkeypatch.chdir(scratch_repo)
    return project


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """What is wrong with how these words are refused."""
    code = main(words)
    out, err = capsys.readouterr()
    if (
        code not in (exits.USAGE, exits.REFUSED, exits.FINDINGS)
        or "unexpected" in out + err
        or "Traceback" in err
    ):
        yield f"{words[-1]!r:.40}: {code} {out[:80]} {err[:200]}"


@pytest.mark.parametrize("words", AMOUNTS, ids=" ".join)
def test_what_is_no_amount_is_refused(
    active: Project, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(active.top, ".correctless/artifacts/contract-r1/ledger.jsonl").read_bytes()
    assert [bad for value in NO_AMOUNTS for bad in refused(worded(words, value), capsys)] == []
    for value in ("nan", "inf", "1e400", "-1"):  # as usage, before anything was looked at
        assert main(worded(words, value)) == exits.USAGE
    if words[1] != "authorize":
        assert Path(active.top, ".correctless/artifacts/contract-r1/ledger.jsonl").read_bytes() == before


@pytest.mark.parametrize("words", COUNTS, ids=" ".join)
def test_what_is_no_count_is_refused(
    active: Project, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert [bad for value in NO_COUNTS for bad in refused(worded(words, value), capsys)] == []


@pytest.mark.parametrize("words", NAMED, ids=" ".join)
def test_what_names_nobody_is_no_name(
    active: Project, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for value in NO_NAMES:
        code = main(worded(words, value))
        out, err = capsys.readouterr()
        if code != exits.USAGE or "unexpected" in err:
            found.append(f"{value!r}: {code} {out[:60]} {err[:160]}")
    assert found == []
    assert not active.diary.exists()


@pytest.mark.parametrize("given", NAMES)
def test_a_name_is_taken_without_the_blanks_around_it(given: str) -> None:
    assert person.named(given) == given.strip()


@pytest.mark.parametrize("given", NO_NAMES)
def test_a_name_that_git_has_and_that_names_nobody_is_passed_over(
    scratch_repo: Path, git: Git, given: str
) -> None:
    if "\0" not in given and "\ud800" not in given:
        git(scratch_repo, "config", "user.name", given)
    found = person.name(find(str(scratch_repo)), {"USER": given})
    assert person.named(found) == found


def test_an_approval_that_is_taken_has_the_name_as_it_is_shown(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git)
    words = [" Ada " if word == "Ada" else word for word in project.run_words()]
    assert project.cauto(*words).returncode == exits.PERSON
    assert b'"by":"Ada"' in Path(project.logs.confirmations).read_bytes()


# --- the configuration


UNUSABLE = (".nan", ".inf", "-.inf", "1.0e+400", "-1", "nan", "9" * 400, "9" * 5000, "''")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            (key, v)
            for key in ("max_usd", "max_minutes", "ask_minutes", "merge_minutes")
            for v in (*UNUSABLE, "0")
        ),
        *(("ci_wait_minutes", v) for v in (*UNUSABLE, "1.0e+300")),
    ],
)
def test_no_limit_of_the_configuration_is_without_end(
    scratch_repo: Path,
    git: Git,
    key: str,
    value: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = Project(scratch_repo, git, config=None)
    project.write(".correctless/config/correctless.yaml", f"{key}: {value}\n")
    git(project.top, "add", "--all")
    git(project.top, "commit", "-q", "-m", "a configuration")
    monkeypatch.chdir(project.top)
    code = main([*RUN, "--dry-run"])
    said = capsys.readouterr().err
    assert (code, key in said, "unexpected" in said) == (exits.REFUSED, True, False), said


# --- ids


@pytest.mark.parametrize("id_", ["r2", "R1", "r1 ", "r1\n", "../r1", "r", ""])
def test_a_contract_is_that_of_the_run_its_folder_names(
    active: Project, id_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at = active.top / ".correctless/contracts/r1/contract.md"
    at.write_text(contracts.TEXT.replace('run_id = "r1"', f"run_id = {id_!r}".replace("'", '"')))
    for words in (
        ["lint"],
        ["surface"],
        ["pin"],
        ["authorize", "other", "deploy.dev"],
        ["board"],
    ):
        code = main(["contract", *words])
        out, err = capsys.readouterr()
        assert code in (exits.FINDINGS, exits.REFUSED, exits.PERSON), (words, code, out, err)
        assert "unexpected" not in err
    assert main(["contract", "status"]) in (exits.OK, exits.REFUSED)  # it says that nothing is in force
    assert any(word in capsys.readouterr().out for word in ("void", "draft"))


def test_a_granted_contract_in_another_runs_folder_grants_nothing(
    active: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = active.top / ".correctless"
    (folders / "contracts/r1").rename(folders / "contracts/r2")
    (folders / "artifacts/contract-r1").rename(folders / "artifacts/contract-r2")
    assert (
        main(["contract", "authorize", "spawn", "--agents", "2", "--cost-usd", "5", "--minutes", "30"])
        == exits.PERSON
    )
    assert main(["contract", "lint"]) == exits.FINDINGS
    assert "run_id is 'r1', and the folder is r2" in capsys.readouterr().out


@pytest.mark.parametrize(
    "id_", ["../r1", "/etc", "", " ", "r1\n", "R1", "r1/..", "\x00", "é", "a" * 65, "nan", "-x", "\u200br1"]
)
def test_what_is_no_runs_id_leads_nowhere(
    active: Project, id_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["status"], ["lint"], ["authorize", "other", "x"], ["helper", "end", "h1", "--cost", "1"]):
        code = main(["contract", *words, f"--run={id_}"])
        out, err = capsys.readouterr()
        assert code in (exits.USAGE, exits.REFUSED, exits.FINDINGS, exits.PERSON), (words, code, out)
        assert "unexpected" not in err
    for words in (
        ["audit-run", id_],
        ["cauto", "resume", "--from", "origin", id_],
        ["review", "--from", "origin", id_],
    ):
        code = main(words)
        assert code in (exits.USAGE, exits.REFUSED), (words, code)
        assert "unexpected" not in capsys.readouterr().err


def test_the_names_are_refused_by_the_program_as_it_is_started(scratch_repo: Path, git: Git) -> None:
    project = Project(scratch_repo, git)
    done = subprocess.run(
        [*correctless.itself(), *RUN, "--approve-spec-as", " "],
        cwd=project.top, env=os.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "is not a name" in done.stderr) == (exits.USAGE, True), done.stderr
    with pytest.raises(Stop):
        person.named(" ")
