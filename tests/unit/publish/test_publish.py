"""Consolidation, the secret scan, the push and the managed body, with real git; no network."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.project.git import find
from correctless.publish import branch, consolidation, leaks, managed_body, pull_request
from correctless.publish.consolidation import ConsolidationCommit
from correctless.publish.managed_body import BodyPart, ManagedBody
from fake_secrets import AWS, GITHUB

HOSTILE = ("-rf", "--exec=x", "a\nb", ":(exclude)README.md", ":!x", "*", "sp ace", "ü", "\ttab", '"q"', "[x]")


def base_of(top: Path, git: Any) -> str:
    return str(git(top, "rev-parse", "main"))


def consolidate(top: Path, git: Any, *allow: str, **more: Any) -> ConsolidationCommit:
    return consolidation.consolidate(
        find(str(top)),
        base=base_of(top, git),
        allow=allow,
        message=more.pop("message", "consolidate\n\nCorrectless-Run: r1\n"),
        env=more.pop("env", dict(os.environ)),
        seconds=more.pop("seconds", 30.0),
    )


def commit(top: Path, git: Any, name: str, text: str = "x\n", message: str = "step") -> None:
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git(top, "add", "-f", "--", f":(literal){name}")
    git(top, "commit", "-q", "--no-verify", "-m", message)


def hook(top: Path, name: str, script: str) -> None:
    path = top / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def committed(top: Path, git: Any) -> set[str]:
    out = subprocess.run(
        ["git", "diff", "--name-only", "-z", "HEAD^", "HEAD"], cwd=top, capture_output=True, check=True
    ).stdout
    return set(out.decode().split("\0")) - {""}


# Consolidation


def test_only_what_the_branch_changed_or_outputs_declare_is_staged(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, "app.py")
    (scratch_repo / "app.py").write_text("y\n")
    (scratch_repo / "README.md").write_text("not the branch's\n")
    (scratch_repo / "notes.txt").write_text("the person's own\n")
    (scratch_repo / "docs" / "deep").mkdir(parents=True)
    (scratch_repo / "docs" / "deep" / "page.md").write_text("declared\n")
    done = consolidate(scratch_repo, git, "docs/**")
    assert done.staged == ("app.py", "docs/deep/page.md")
    assert done.unstaged == ("README.md", "notes.txt")
    assert committed(scratch_repo, git) == {"app.py", "docs/deep/page.md"}
    assert done.commit == git(scratch_repo, "rev-parse", "HEAD")
    assert "Correctless-Run: r1" in git(scratch_repo, "log", "-1", "--format=%B")


def test_what_an_agent_staged_is_not_published_by_that(scratch_repo: Path, git: Any) -> None:
    (scratch_repo / "private.txt").write_text("x\n")
    git(scratch_repo, "add", "private.txt")
    assert consolidate(scratch_repo, git).unstaged == ("private.txt",)
    assert committed(scratch_repo, git) == set()


def test_a_star_stops_at_a_slash_and_two_do_not(scratch_repo: Path, git: Any) -> None:
    for name in ("docs/a.md", "docs/deep/b.md", "CHANGELOG.md", "x/CHANGELOG.md"):
        (scratch_repo / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch_repo / name).write_text("x\n")
    assert consolidate(scratch_repo, git, "docs/*.md", "CHANGELOG.md").staged == ("CHANGELOG.md", "docs/a.md")
    assert consolidate(scratch_repo, git, "docs/**").staged == ("docs/deep/b.md",)


@pytest.mark.parametrize("glob", ["", "/", " "])
def test_an_empty_glob_is_refused_not_read_as_everything(scratch_repo: Path, git: Any, glob: str) -> None:
    (scratch_repo / "private.txt").write_text("x\n")
    with pytest.raises(Stop) as stop:
        consolidate(scratch_repo, git, glob)
    assert stop.value.code == exits.REFUSED


def test_a_glob_with_pathspec_magic_is_read_literally(scratch_repo: Path, git: Any) -> None:
    (scratch_repo / "private.txt").write_text("x\n")
    assert consolidate(scratch_repo, git, ":(exclude)nothing").staged == ()


def test_artifacts_are_never_staged_whatever_outputs_say(scratch_repo: Path, git: Any) -> None:
    artifacts = scratch_repo / ".correctless" / "artifacts"
    artifacts.mkdir(parents=True)
    (artifacts / "log.jsonl").write_text("{}\n")
    report = scratch_repo / ".correctless" / "reports" / "cverify.md"
    report.parent.mkdir()
    report.write_text("R-001 holds\n")
    done = consolidate(scratch_repo, git, "**")
    assert (done.staged, done.unstaged) == ((".correctless/reports/cverify.md",), ())


def test_a_commit_that_holds_artifacts_needs_a_person_even_when_a_later_one_drops_them(
    scratch_repo: Path, git: Any
) -> None:
    commit(scratch_repo, git, ".correctless/artifacts/log.jsonl")
    git(scratch_repo, "rm", "-q", ".correctless/artifacts/log.jsonl")
    git(scratch_repo, "commit", "-q", "-m", "gone")
    before = git(scratch_repo, "rev-parse", "HEAD")
    with pytest.raises(Stop) as stop:
        consolidate(scratch_repo, git)
    assert stop.value.code == exits.PERSON
    assert ".correctless/artifacts/log.jsonl" in stop.value.message
    assert git(scratch_repo, "rev-parse", "HEAD") == before


def test_hostile_file_names_are_names(scratch_repo: Path, git: Any) -> None:
    for name in HOSTILE:
        commit(scratch_repo, git, name)
        (scratch_repo / name).write_text("y\n")
    (scratch_repo / "private.txt").write_text("x\n")
    done = consolidate(scratch_repo, git)
    assert committed(scratch_repo, git) == set(HOSTILE) == set(done.staged)
    assert done.unstaged == ("private.txt",)


def test_a_folder_that_took_a_files_place_does_not_come_along(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, "config")
    (scratch_repo / "config").unlink()
    (scratch_repo / "config").mkdir()
    (scratch_repo / "config" / "private.txt").write_text("x\n")
    done = consolidate(scratch_repo, git)
    assert (done.staged, done.unstaged) == (("config",), ("config/private.txt",))
    assert committed(scratch_repo, git) == {"config"}
    assert git(scratch_repo, "ls-files", "config") == ""


def test_a_repository_inside_the_repository_is_left(scratch_repo: Path, git: Any) -> None:
    inner = scratch_repo / "docs" / "inner"
    inner.mkdir(parents=True)
    git(inner, "init", "-q")
    (inner / "a").write_text("x\n")
    git(inner, "add", "a")
    git(inner, "commit", "-q", "-m", "inner")
    done = consolidate(scratch_repo, git, "docs/**")
    assert (done.staged, done.unstaged) == ((), ("docs/inner/",))


def test_the_repositorys_hooks_run_once_and_in_the_given_environment(scratch_repo: Path, git: Any) -> None:
    hook(scratch_repo, "pre-commit", 'echo "$WHO $GH_TOKEN." >> .git/ran')
    consolidate(scratch_repo, git, env={**os.environ, "WHO": "agent"})
    assert (scratch_repo / ".git" / "ran").read_text() == "agent .\n"


def test_hooks_see_the_files_of_every_step_once(scratch_repo: Path, git: Any) -> None:
    hook(
        scratch_repo,
        "pre-commit",
        "git diff --cached --name-only >> .git/saw; git symbolic-ref HEAD >> .git/saw",
    )
    commit(scratch_repo, git, "one.py")
    commit(scratch_repo, git, "two.py")
    (scratch_repo / "two.py").write_text("two\n")
    before = git(scratch_repo, "rev-parse", "HEAD")
    done = consolidate(scratch_repo, git)
    assert (scratch_repo / ".git" / "saw").read_text().split() == ["one.py", "two.py", "refs/heads/feature/x"]
    assert git(scratch_repo, "rev-parse", "HEAD^") == before
    assert git(scratch_repo, "rev-list", "--count", "main..HEAD") == "3"
    assert (done.staged, committed(scratch_repo, git)) == (("two.py",), {"two.py"})


def test_a_hook_that_refuses_a_file_of_an_earlier_step_stops_the_run(scratch_repo: Path, git: Any) -> None:
    hook(
        scratch_repo,
        "pre-commit",
        'git diff --cached --name-only | grep -q bad.py && { echo "bad.py: no"; exit 1; }; :',
    )
    commit(scratch_repo, git, "bad.py")
    commit(scratch_repo, git, "good.py")
    before = git(scratch_repo, "rev-parse", "HEAD")
    with pytest.raises(Stop, match=r"did not pass its hooks: bad\.py: no"):
        consolidate(scratch_repo, git)
    assert git(scratch_repo, "rev-parse", "HEAD") == before
    assert git(scratch_repo, "status", "--porcelain") == ""


def test_what_a_hook_repairs_and_leaves_to_be_staged_is_tried_once_more(scratch_repo: Path, git: Any) -> None:
    script = "grep -q formatted app.py || { echo formatted > app.py; echo 'files were modified'; exit 1; }"
    hook(scratch_repo, "pre-commit", script)
    commit(scratch_repo, git, "app.py")
    consolidate(scratch_repo, git)
    assert git(scratch_repo, "show", "HEAD:app.py") == "formatted"
    assert git(scratch_repo, "status", "--porcelain") == ""


def test_what_a_hook_adds_to_the_message_is_in_the_commit(scratch_repo: Path, git: Any) -> None:
    hook(scratch_repo, "commit-msg", 'echo "Change-Id: I123" >> "$1"')
    consolidate(scratch_repo, git)
    assert "Correctless-Run: r1\nChange-Id: I123" in git(scratch_repo, "log", "-1", "--format=%B")


@pytest.mark.parametrize("name", ["pre-commit", "post-commit"])
def test_a_branch_is_where_it_was_after_a_crash_in_a_hook(
    scratch_repo: Path, git: Any, tmp_path: Path, name: str
) -> None:
    commit(scratch_repo, git, "app.py")
    before = git(scratch_repo, "rev-parse", "HEAD")
    hook(scratch_repo, name, 'kill -9 "$DISPATCHER" "$PPID"')
    program = (
        "import os, sys\nfrom correctless.project.git import find\nfrom correctless.publish import consolidation\n"
        "consolidation.consolidate(find(sys.argv[1]), base=sys.argv[2], allow=(), message='m', seconds=60.0,\n"
        "    env={**os.environ, 'DISPATCHER': str(os.getpid())}, note=sys.argv[3])\n"
    )
    base, note = base_of(scratch_repo, git), str(tmp_path / "note")
    done = subprocess.run([sys.executable, "-c", program, str(scratch_repo), base, note], check=False)
    assert done.returncode == -9
    (scratch_repo / ".git" / "hooks" / name).unlink()
    assert git(scratch_repo, "rev-parse", "HEAD") != before
    made = consolidation.consolidate(
        find(str(scratch_repo)),
        base=base,
        allow=(),
        message="m",
        seconds=60.0,
        env=dict(os.environ),
        note=note,
    )
    assert git(scratch_repo, "rev-parse", "HEAD^") == before
    assert made.commit == git(scratch_repo, "rev-parse", "HEAD")
    assert not os.path.exists(note)
    assert git(scratch_repo, "status", "--porcelain") == ""


def test_a_failing_hook_stops_the_run_with_its_first_line(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, "app.py")
    (scratch_repo / "app.py").write_text("y\n")
    hook(scratch_repo, "pre-commit", "echo; echo 'lint: 3 \033[31merrors'; echo more; exit 1")
    before = git(scratch_repo, "rev-parse", "HEAD")
    with pytest.raises(Stop) as stop:
        consolidate(scratch_repo, git)
    assert stop.value.code == exits.FAILED
    assert "lint: 3" in stop.value.message
    assert "more" not in stop.value.message
    assert "\033" not in stop.value.message
    assert git(scratch_repo, "rev-parse", "HEAD") == before
    assert (scratch_repo / "app.py").read_text() == "y\n"
    (scratch_repo / ".git" / "hooks" / "pre-commit").unlink()
    assert consolidate(scratch_repo, git).staged == ("app.py",)


def test_a_hook_that_hangs_is_ended_with_all_it_started(scratch_repo: Path, git: Any) -> None:
    hook(scratch_repo, "pre-commit", "sleep 600 & echo $! > .git/pid; wait")
    with pytest.raises(Stop) as stop:
        consolidate(scratch_repo, git, seconds=1.0)
    assert stop.value.code == exits.FAILED
    pid = (scratch_repo / ".git" / "pid").read_text().strip()
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False
    ).stdout
    assert state[:1] in ("", "Z")  # a zombie runs no more, and not every container has somebody who buries it


def test_a_hook_may_reformat_what_is_staged(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, "app.py")
    (scratch_repo / "app.py").write_text("y\n")
    hook(scratch_repo, "pre-commit", "echo formatted > app.py; git add app.py")
    consolidate(scratch_repo, git)
    assert git(scratch_repo, "show", "HEAD:app.py") == "formatted"


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("pre-commit", "git add private.txt"),
        ("pre-commit", "git commit -q --allow-empty --no-verify -m own"),
        ("post-commit", "mkdir .git/once && git commit -q --allow-empty -m own"),
    ],
)
def test_a_hook_that_adds_files_or_commits_is_refused_and_undone(
    scratch_repo: Path, git: Any, name: str, script: str
) -> None:
    (scratch_repo / "private.txt").write_text("x\n")
    hook(scratch_repo, name, script)
    before = git(scratch_repo, "rev-parse", "HEAD")
    with pytest.raises(Stop) as stop:
        consolidate(scratch_repo, git)
    assert stop.value.code == exits.FAILED
    assert git(scratch_repo, "rev-parse", "HEAD") == before
    assert (scratch_repo / "private.txt").exists()


@pytest.mark.parametrize("name", ["pre-commit", "post-commit"])
@pytest.mark.parametrize(
    ("begins", "script"),
    [
        ("feature/x", "git symbolic-ref HEAD refs/heads/main"),
        ("feature/x", "git checkout -q --detach"),
        ("--detach", "git symbolic-ref HEAD refs/heads/main"),
    ],
)
def test_a_hook_that_leaves_the_branch_is_refused_and_moves_no_other_branch(
    scratch_repo: Path, git: Any, name: str, begins: str, script: str
) -> None:
    git(scratch_repo, "checkout", "-q", begins)
    commit(scratch_repo, git, "app.py")
    head, before = (scratch_repo / ".git/HEAD").read_text(), git(scratch_repo, "rev-parse", "HEAD")
    main = git(scratch_repo, "rev-parse", "main")
    hook(scratch_repo, name, script)
    with pytest.raises(Stop) as stop:
        consolidate(scratch_repo, git)
    assert stop.value.code == exits.FAILED
    assert (scratch_repo / ".git/HEAD").read_text() == head
    assert git(scratch_repo, "rev-parse", "HEAD") == before
    assert git(scratch_repo, "rev-parse", "main") == main


# Secrets


def scan(top: Path, git: Any) -> list[tuple[str, int]]:
    diff, texts = leaks.published(find(str(top)), base_of(top, git))
    return [(f.path, f.line) for f in leaks.secrets(diff, texts)]


def test_a_secret_in_an_added_line_is_found_and_never_printed(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, "src/app.py", f"one = 1\nkey = '{AWS}'\n")
    diff, texts = leaks.published(find(str(scratch_repo)), base_of(scratch_repo, git))
    (found,) = leaks.secrets(diff, texts)
    assert (found.path, found.line, found.column) == ("src/app.py", 2, 8)
    assert "AWS" in found.message
    assert AWS not in repr(found)


def test_a_secret_that_a_later_commit_removed_is_found(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, "app.py", f"key = '{AWS}'\n")
    commit(scratch_repo, git, "app.py", "key = read()\n")
    assert scan(scratch_repo, git) == [("app.py", 1)]


def test_a_secret_in_a_commit_message_and_in_a_text_is_found(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, "app.py", message=f"use {GITHUB}")
    ((path, line),) = scan(scratch_repo, git)
    assert path.startswith("commit message ")
    assert line == 1
    (found,) = leaks.secrets("", {"pull request body": f"fine\nuse {GITHUB} here"})
    assert (found.path, found.line) == ("pull request body", 2)


@pytest.mark.parametrize(
    "line",
    [
        f"key = '{AWS}'  # pragma: allowlist secret",
        f"client = connect('{AWS}')",
        f"++ b/other {AWS}",
        "x = 1; " * 2_857 + AWS + " y = 2;" * 20_000,
    ],
)
def test_neither_comment_nor_call_nor_shape_nor_length_hides_a_token(
    scratch_repo: Path, git: Any, line: str
) -> None:
    commit(scratch_repo, git, "package-lock.json", f"{line}\n")
    assert scan(scratch_repo, git) == [("package-lock.json", 1)]


def test_an_attribute_of_the_branch_hides_no_file(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, ".gitattributes", "*.env -diff\n")
    commit(scratch_repo, git, "prod.env", f"KEY={AWS}\n")
    assert scan(scratch_repo, git) == [("prod.env", 1)]


def test_removed_lines_and_plain_work_are_no_findings(scratch_repo: Path, git: Any) -> None:
    git(scratch_repo, "switch", "-q", "main")
    commit(scratch_repo, git, "old.py", f"key = '{AWS}'\n")
    git(scratch_repo, "switch", "-q", "-C", "feature/x")
    git(scratch_repo, "rm", "-q", "old.py")
    commit(
        scratch_repo,
        git,
        "app.py",
        "password = read_password()\nnumber = '12345'\n",
        message=f"Log: 3:{'ab12' * 16}",
    )
    assert scan(scratch_repo, git) == []


def test_what_a_person_put_into_the_baseline_is_known(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, "app.py", f"key = '{AWS}'\n")
    made = subprocess.run(
        [sys.executable, "-m", "detect_secrets", "scan", "--no-verify", "app.py"],
        cwd=scratch_repo,
        capture_output=True,
        check=True,
    ).stdout.decode()
    commit(scratch_repo, git, ".secrets.baseline", made)
    here = find(str(scratch_repo))
    diff, texts = leaks.published(here, base_of(scratch_repo, git))
    by_the_branch = leaks.known_secrets(here, base_of(scratch_repo, git))
    by_the_person = leaks.known_secrets(here, "HEAD")
    assert "app.py" in {f.path for f in leaks.secrets(diff, texts, known=by_the_branch)}
    assert "app.py" not in {f.path for f in leaks.secrets(diff, texts, known=by_the_person)}


def test_a_baseline_that_cannot_be_read_stops(scratch_repo: Path, git: Any) -> None:
    commit(scratch_repo, git, ".secrets.baseline", '{"results": 3}\n')
    with pytest.raises(Stop) as stop:
        leaks.known_secrets(find(str(scratch_repo)), "HEAD")
    assert stop.value.code == exits.REFUSED


HEX = hashlib.sha256(b"a key").hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        f'TWILIO_AUTH_TOKEN = "{HEX[:32]}"',
        f'GH_TOKEN = "{HEX[:40]}"',
        f'SECRET_KEY_HASH_SALT = "{HEX[:32]}"',
        f'api_key = "{HEX[:32]}"  # hash',
        f'VECTOR_DB_TOKEN = "{HEX[:32]}"',
        'password = "secret123"',
        'password = "Password1!"',
    ],
)
def test_what_names_a_key_is_a_finding_whatever_form_it_has_and_whatever_is_said_behind_it(text: str) -> None:
    assert leaks.secrets("", {"app.py": text})


def test_what_is_behind_a_carriage_return_is_scanned(scratch_repo: Path, git: Any) -> None:
    base = git(scratch_repo, "rev-parse", "HEAD")
    log = f"start\n 10%\r 50%\r100%\ndone\nAWS_KEY={AWS}\nbye\n"
    (scratch_repo / "log.txt").write_bytes(log.encode())
    (scratch_repo / "x.py").write_bytes(f'# x\rkey = "{AWS}"\n'.encode())
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-qm", "logs")
    diff, _ = leaks.published(find(str(scratch_repo)), base)
    assert {leak.path for leak in leaks.secrets(diff, {})} == {"log.txt", "x.py"}


def test_what_a_merge_adds_by_itself_and_the_next_commit_removes_is_scanned(
    scratch_repo: Path, git: Any
) -> None:
    base = git(scratch_repo, "rev-parse", "HEAD")
    git(scratch_repo, "switch", "-qc", "side")
    (scratch_repo / "side.txt").write_text("x\n")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-qm", "side")
    git(scratch_repo, "switch", "-q", "feature/x")
    git(scratch_repo, "merge", "-q", "--no-ff", "--no-commit", "side")
    (scratch_repo / "evil.txt").write_text(f"key = {AWS}\n")
    git(scratch_repo, "add", ".")
    git(scratch_repo, "commit", "-qm", "merged")
    git(scratch_repo, "rm", "-q", "evil.txt")
    git(scratch_repo, "commit", "-qm", "gone")
    diff, _ = leaks.published(find(str(scratch_repo)), base)
    assert "evil.txt" in {leak.path for leak in leaks.secrets(diff, {})}


@pytest.mark.parametrize(
    "text",
    [
        'password = "changeme"',
        "password: 'ChangeMe!'",
        'api_key = "<your-api-key>"',
        'api_key = "your_api_key_here"',
        'secret = "xxxxxxxxxxxx"',
        'client_secret = "insert-client-secret-here"',
        "DATABASE_URL=postgres://postgres:changeme@localhost/app",
        f"sha = '{'0123456789abcdef' * 4}'",
        f'"integrity": "sha512-{"Zm9vYmFyYmF6cXV4" * 5}=="',
        "lock = 'd41d8cd98f00b204e9800998ecf8427e'",
        'password_md5 = "5f4dcc3b5aa765d61d8327deb882cf99"',
        "iv = 'f0e1d2c3b4a5968778695a4b3c2d1e0f11'",
    ],
)
def test_hashes_and_placeholders_are_no_findings(text: str) -> None:
    assert leaks.secrets("", {"app.py": text, "settings.yaml": text}) == ()


@pytest.mark.parametrize(
    "path",
    ["tests/test_aes.py", "testdata/aes.json", "aes_vectors.json", "src/aes.test.ts", "fixtures/a.yml"],
)
def test_random_texts_in_test_data_are_no_findings_and_named_or_known_ones_are(path: str) -> None:
    vector = "key = 'f69f2445df4f9b17ad2b417be66c3710a1'\nout = 'Yw3NKWbE9Qm2Vb7LxT0pRzKq8JdHs1Ua='\n"
    assert leaks.secrets("", {path: vector}) == ()
    assert [leak.line for leak in leaks.secrets("", {"src/app.py": vector})] == [1, 2]
    named = leaks.secrets("", {path: f'password = "wonderland"\nid = "{AWS}"\n'})
    assert [leak.line for leak in named] == [1, 2]


def test_a_digest_is_of_path_and_whole_line() -> None:
    def digest(path: str, text: str) -> str:
        (leak,) = leaks.secrets("", {path: text})
        return leak.digest

    line = 'login(password="wonderland")'
    assert digest("a.py", line) == digest("a.py", f"\n\n{line}")
    assert len({digest("a.py", line), digest("b.py", line), digest("a.py", f"real_{line}")}) == 3
    assert leaks.secrets("", {"a.py": line}, known={digest("a.py", line)}) == ()


def test_the_scan_opens_no_connection() -> None:
    program = (
        "import sys\n"
        "sys.addaudithook(lambda e, a: sys.exit(9) if e in ('socket.connect', 'socket.getaddrinfo') else None)\n"
        "from correctless.publish import leaks\n"
        "assert 'detect_secrets' not in sys.modules\n"
        f"print(len(leaks.secrets('', {{'a': {AWS!r}, 'b': {GITHUB!r}, 'c': 'xoxb-' + '1' * 12 + '-' + 'a1' * 12}})))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


# Push


@pytest.fixture
def remote(scratch_repo: Path, tmp_path: Path, git: Any) -> Path:
    bare = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "trunk", str(bare))
    git(scratch_repo, "remote", "add", "origin", str(bare))
    git(scratch_repo, "push", "-q", "origin", "main:trunk")
    commit(scratch_repo, git, "app.py")
    return bare


def push(top: Path, name: str = "feature/x", **more: Any) -> str:
    here = find(str(top))
    return branch.push(here, **{"remote": "origin", "branch": name, "expected": None, **more})


def refs(bare: Path, git: Any) -> dict[str, str]:
    lines = git(bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_push_moves_one_ref_and_nothing_else(scratch_repo: Path, remote: Path, git: Any) -> None:
    git(scratch_repo, "tag", "-a", "v1", "-m", "v1")
    git(scratch_repo, "config", "push.followTags", "true")
    hook(scratch_repo, "pre-push", "touch .git/ran; exit 1")
    trunk = refs(remote, git)["refs/heads/trunk"]
    pushed = push(scratch_repo)
    assert refs(remote, git) == {"refs/heads/feature/x": pushed, "refs/heads/trunk": trunk}
    assert pushed == git(scratch_repo, "rev-parse", "HEAD")
    assert not (scratch_repo / ".git" / "ran").exists()


def test_a_remote_that_is_reached_by_ssh_is_pushed_to_listed_and_fetched_from(
    scratch_repo: Path, remote: Path, git: Any, tmp_path: Path
) -> None:
    """Every git that speaks to a remote may log in there: the program that ssh stands for runs here."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nwhile [ "$1" != host.example ]; do shift; done\nshift\nexec sh -c "$*"\n')
    ssh.chmod(0o755)
    git(scratch_repo, "config", "--global", "core.sshCommand", str(ssh))
    git(scratch_repo, "remote", "set-url", "origin", f"ssh://host.example{remote}")
    pushed = push(scratch_repo)
    here = find(str(scratch_repo))
    listed = branch.list_ref(here, "origin", "refs/heads/feature/x")
    assert branch.listed(listed.stdout, "refs/heads/feature/x") == pushed, listed.stderr
    assert branch.fetch_ref(here, "origin", "refs/heads/trunk").returncode == 0
    assert branch.commit_at(here, "origin", "feature/x") == pushed


def test_push_again_is_done_and_a_lease_moves_on(scratch_repo: Path, remote: Path, git: Any) -> None:
    first = push(scratch_repo)
    assert push(scratch_repo) == first
    git(scratch_repo, "commit", "-q", "--amend", "-m", "rewritten")
    assert push(scratch_repo, expected=first) == refs(remote, git)["refs/heads/feature/x"] != first


@pytest.mark.parametrize("expected", [None, "0" * 39 + "1"])
def test_what_someone_else_pushed_is_not_overwritten(
    scratch_repo: Path, remote: Path, git: Any, expected: str | None
) -> None:
    git(scratch_repo, "push", "-q", "origin", "main:refs/heads/feature/x")
    theirs = refs(remote, git)["refs/heads/feature/x"]
    with pytest.raises(Stop) as stop:
        push(scratch_repo, expected=expected)
    assert stop.value.code == exits.REFUSED
    assert "someone pushed" in stop.value.message
    assert refs(remote, git)["refs/heads/feature/x"] == theirs


@pytest.mark.parametrize(
    "name", ["main", "master", "develop", "release/1.2", "Main", "trunk", "prod", "hotfix/a/b"]
)
def test_a_protected_branch_is_never_pushed(scratch_repo: Path, remote: Path, git: Any, name: str) -> None:
    before = refs(remote, git)
    with pytest.raises(Stop) as stop:
        push(scratch_repo, name, protected=("prod", "hotfix/*"))
    assert stop.value.code == exits.REFUSED
    assert "protected" in stop.value.message
    assert refs(remote, git) == before


@pytest.mark.parametrize(
    "name",
    ["--mirror", "-f", "x:refs/heads/trunk", ":trunk", "refs/heads/trunk", "HEAD", "a..b", "a b", "a\nb", "*", "", "@{-1}", "x~1", "a.lock"],
)  # fmt: skip
def test_a_name_that_is_no_branch_is_refused(scratch_repo: Path, remote: Path, git: Any, name: str) -> None:
    before = refs(remote, git)
    with pytest.raises(Stop) as stop:
        push(scratch_repo, name)
    assert stop.value.code == exits.REFUSED
    assert "\n" not in stop.value.message
    assert refs(remote, git) == before


@pytest.mark.parametrize("name", ["$(touch${IFS}pwned)", "+main", "`id`", "a;b", "'q'", "ü/ö", "a&b", "x|y"])
def test_an_odd_name_that_is_a_branch_is_pushed_as_it_is(
    scratch_repo: Path, remote: Path, git: Any, name: str
) -> None:
    push(scratch_repo, name)
    assert f"refs/heads/{name}" in refs(remote, git)
    assert not (scratch_repo / "pwned").exists()


def test_a_remote_is_a_configured_name_and_not_an_address(scratch_repo: Path, remote: Path) -> None:
    for name in (str(remote), "--receive-pack=touch pwned", "ext::sh -c 'touch pwned'", "nowhere"):
        with pytest.raises(Stop) as stop:
            push(scratch_repo, remote=name)
        assert stop.value.code == exits.REFUSED
    assert not (scratch_repo / "pwned").exists()


def test_an_address_that_runs_a_program_is_not_used(scratch_repo: Path, remote: Path, git: Any) -> None:
    git(scratch_repo, "config", "protocol.ext.allow", "always")
    git(scratch_repo, "config", "remote.origin.url", "ext::sh -c touch% pwned")
    with pytest.raises(Stop):
        push(scratch_repo)
    assert not (scratch_repo / "pwned").exists()


def test_a_refusal_by_the_remote_is_told_in_its_words(scratch_repo: Path, remote: Path) -> None:
    script = remote / "hooks" / "pre-receive"
    script.parent.mkdir(exist_ok=True)
    script.write_text("#!/bin/sh\necho 'ticket number missing'\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(Stop) as stop:
        push(scratch_repo)
    assert "pre-receive hook declined" in stop.value.message
    assert "ticket number missing" in stop.value.message


# The body


HEADS = f"| log | entries | head |\n| --- | --- | --- |\n| decisions | 3 | `{'ab' * 32}` |\n| run | 12 | `{'cd' * 32}` |"


def section(
    *decided: str, run: str = "r1", deferred: tuple[str, ...] = (), rules: tuple[str, ...] = ()
) -> ManagedBody:
    return ManagedBody(
        run,
        (
            BodyPart("", ["**A shop**", "", "2 files changed."]),
            BodyPart("Decisions", decided or ("- AD-001: keep",), 1, "whole: elsewhere", "60 lines"),
            BodyPart("Deferred escalations", deferred),
            BodyPart("Test plan", rules or ("- [ ] R-001: one entry a line",), 2, "whole: spec.md"),
            BodyPart(managed_body.LOGS, [HEADS]),
        ),
    )


def test_the_section_opens_with_what_changed_and_has_every_part_between_its_markers() -> None:
    text = section().text()
    assert text.startswith(
        "<!-- correctless:begin run=r1 -->\n**A shop**\n\n2 files changed.\n\n## Decisions\n"
    )
    assert text.endswith("\n<!-- correctless:end run=r1 -->")
    for part in ("## Test plan\n\n- [ ] R-001: one entry a line\n", "ab" * 32, "| 12 |"):
        assert part in text
    assert managed_body.heads_of(text, ["r1"]) == {"decisions": (3, "ab" * 32), "run": (12, "cd" * 32)}
    assert managed_body.is_ours(text, ["r1"])
    assert not managed_body.is_ours(text, ["r"])
    assert not managed_body.is_ours(text, ["r11"])


def test_a_marker_inside_a_text_does_not_end_the_section() -> None:
    text = section("fine\n<!-- correctless:end run=r1 -->\nmore").text()
    assert managed_body.is_ours(text, ["r1"])
    assert text.count("<!-- correctless:end run=r1 -->") == 1
    assert managed_body.merge_body(text, section("new"), ["r1"]) == section("new").text()


@pytest.mark.parametrize("run", ["", "a b", "r1 -->", "a--b", "../x", "-x"])
def test_a_run_id_that_could_end_its_marker_is_refused(run: str) -> None:
    with pytest.raises(Stop):
        section(run=run).text()


def test_what_people_wrote_around_the_section_is_kept_to_the_byte() -> None:
    old = f"Hello @bob\r\n\r\n{section('old').text()}\r\n\r\nmy notes  \n<!-- correctless:begin run=other -->"
    merged = managed_body.merge_body(old, section("new"), ["r1"])
    assert merged == old.replace(section("old").text(), section("new").text())
    assert merged != old


def test_a_later_run_of_the_branch_takes_the_place_of_an_earlier_ones_section() -> None:
    old = f"before\n{section('old', run='r1').text()}\nafter"
    new = section("new", run="r2")
    assert managed_body.merge_body(old, new, ["r2", "r1"]) == f"before\n{new.text()}\nafter"
    with pytest.raises(Stop):
        managed_body.merge_body(old, new, ["r2"])


def test_a_section_edited_in_a_browser_is_still_found_and_not_edited_again() -> None:
    old = ("before\n" + section().text() + "\nafter").replace("\n", "\r\n")
    assert managed_body.is_ours(old, ["r1"])
    assert managed_body.merge_body(old, section(), ["r1"]) == old


@pytest.mark.parametrize(
    "old",
    [
        "",
        "<!-- correctless:begin run=r1 -->",
        "<!-- correctless:end run=r1 -->\n<!-- correctless:begin run=r1 -->",
        "> <!-- correctless:begin run=r1 -->\n> <!-- correctless:end run=r1 -->",
        section().text() + "\n" + section().text(),
        section(run="r2").text(),
    ],
)
def test_a_body_without_exactly_this_section_is_not_ours(old: str) -> None:
    assert not managed_body.is_ours(old, ["r1"])
    with pytest.raises(Stop) as stop:
        managed_body.merge_body(old, section(), ["r1"])
    assert stop.value.code == exits.PERSON


def test_a_template_stays_below_the_section_to_the_byte() -> None:
    template = "## Checklist\r\n\r\n- [ ] @docs  \n\n\n"
    whole = managed_body.new_body(section(), template)
    assert whole == f"{section().text()}\n\n{template}"
    assert managed_body.merge_body(whole, section("new"), ["r1"]) == f"{section('new').text()}\n\n{template}"
    long = "t" * 20_000
    whole = managed_body.new_body(section(*["- AD-001: keep"] * 6_000), long)
    assert managed_body.size(whole) <= managed_body.LIMIT
    assert whole.endswith(f"\n\n{long}")
    assert managed_body.new_body(section(), "") == section().text()


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f389"])
def test_a_section_that_is_too_long_is_cut_as_github_counts_and_says_so(letter: str) -> None:
    deferred = tuple(f"- **AD-00{n}** {letter * 1_000}" for n in range(9))
    rules = tuple(f"- [ ] R-{n:03}: {letter * 300}" for n in range(200))
    made = section(*[f"- AD-001: {letter * 100}"] * 2_000, deferred=deferred, rules=rules)
    assert managed_body.size(made.text(None)) > managed_body.LIMIT
    text = made.text()
    assert managed_body.LIMIT - 2_000 < len(text.encode("utf-16-le")) // 2 <= managed_body.LIMIT
    assert "*2,000 more items cut to fit; whole: elsewhere.*" in text
    assert re.search(r"^\*[1-9][0-9]* more items cut to fit; whole: spec\.md\.\*$", text, re.MULTILINE)
    assert all(f"\n{block}\n" in text for block in deferred)
    assert rules[0] in text
    assert managed_body.heads_of(text, ["r1"]) is not None
    assert managed_body.is_ours(text, ["r1"])
    assert "cut to fit" not in made.text(None)
    assert "cut to fit" not in section().text()


def test_deferred_decisions_that_do_not_fit_stop_the_run_and_the_longest_is_named() -> None:
    deferred = tuple(f"- **AD-00{n}** {'x' * 1_000 * n}" for n in range(9)) * 2
    with pytest.raises(Stop) as stop:
        section(deferred=deferred).text()
    assert stop.value.code == exits.PERSON
    assert "begins with '- **AD-008** xxx" in stop.value.message
    assert len(stop.value.message) < 400
    assert all(block in section(deferred=deferred).text(None) for block in deferred)


def test_a_long_part_folds_and_a_short_one_does_not() -> None:
    text = section(*["- AD-001: keep"] * 1_000).text()
    assert text.count("<details>") == text.count("</details>") == 1
    assert "\n## Decisions\n\n<details>\n<summary>60 lines</summary>\n\n- AD-001: keep\n" in text
    assert "\n- AD-001: keep\n\n</details>\n\n## Deferred" in text
    assert "<details>" not in section().text()


def test_people_have_room_beside_a_full_section() -> None:
    full = section(*["- AD-001: keep"] * 6_000)
    notes = "n" * 20_000
    old = section("short").text() + "\n" + notes
    merged = managed_body.merge_body(old, full, ["r1"])
    assert managed_body.size(merged) <= managed_body.LIMIT
    assert merged.endswith(notes)
    assert merged.count("cut to fit") == 1
    with pytest.raises(Stop) as stop:
        managed_body.merge_body(section("short").text() + "\n" + "n" * managed_body.LIMIT, full, ["r1"])
    assert stop.value.code == exits.PERSON
    assert "of 65,537 characters. shorten that" in stop.value.message


# A command instead of gh


def command(tmp_path: Path, script: str, seconds: float = 20.0) -> str:
    return pull_request.command_pull_request(
        ["sh", "-c", script],
        {"run": "r1", "branch": "feature/x", "body": "ü"},
        cwd=str(tmp_path),
        env=dict(os.environ),
        seconds=seconds,
    )


def test_a_command_gets_json_and_its_first_url_is_the_result(tmp_path: Path) -> None:
    url = command(
        tmp_path, "cat > got.json; echo opening; echo ' https://forge.example/1 '; echo https://b.example"
    )
    assert url == "https://forge.example/1"
    assert (tmp_path / "got.json").read_text() == '{"run": "r1", "branch": "feature/x", "body": "\\u00fc"}\n'


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no url here", "printed no URL"),
        ("echo 'javascript:alert(1)'; echo see https://x.example", "printed no URL"),
        ("echo https://x.example/1; echo 'no access' >&2; exit 4", "ended with 4: no access"),
        ("sleep 60", "took over"),
    ],
)
def test_a_command_that_opens_nothing_stops_with_its_reason(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(Stop) as stop:
        command(tmp_path, script, seconds=1.0)
    assert stop.value.code == exits.REFUSED
    assert said in stop.value.message
