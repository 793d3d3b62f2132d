"""What of git's files is noted before an agent runs, and what becomes of it when the dispatcher dies, is cut off, or a check does the harm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conftest import Git
from correctless.base import exits
from correctless.project import lock
from correctless.project.git import before, find, restore
from patience import until
from project import CONFIG, Project

ONE_STEP = {**CONFIG, "pipelines": {"default": {"steps": [{"skill": "cdocs"}]}}}
HARM = "os.system('git config core.fsmonitor /bin/false; git branch -q -D other; git tag new'); "
DIE = "import signal; os.kill(os.getppid(), signal.SIGKILL) if attempt == '1' else None"


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    git(scratch_repo, "branch", "other")
    return Project(scratch_repo, git, config=ONE_STEP)


def _unharmed(project: Project) -> bool:
    refs = project.git(project.top, "for-each-ref", "--format=%(refname)")
    settings = (project.top / ".git/config").read_text()
    return "refs/heads/other" in refs and "fsmonitor" not in settings


def _snapshot(project: Project) -> Path:
    return Path(project.logs.folder(project.state().run)) / "cdocs-1" / "git-before"


def _dies(project: Project, harm: str = HARM) -> None:
    """Run, do harm, and kill the dispatcher; return once its agent is gone too, which has its lock."""
    assert project.run(AGENT_EXTRA=harm + DIE).returncode == -9
    until(lambda: not lock.is_locked(find(str(project.top))), "the agent lives on")


def test_whoever_follows_a_dispatcher_that_died_puts_back_what_the_agent_changed(project: Project) -> None:
    _dies(project)
    assert not _unharmed(project)
    again = project.cauto("resume")
    assert again.returncode == exits.PERSON, again.stderr
    assert _unharmed(project)
    assert project.git(project.top, "tag") == "new", "a person may have made it since"
    (told,) = [d for d in project.decisions() if "git-put-back" in d["key"]]
    assert "cdocs-1/git/changes.txt" in told["default_applied"]


@pytest.mark.parametrize("spoil", ["changed", "gone"])
def test_a_snapshot_that_is_not_the_one_in_the_run_log_is_refused(project: Project, spoil: str) -> None:
    _dies(project)
    if spoil == "gone":
        _snapshot(project).unlink()
    else:
        _snapshot(project).write_bytes(before.pack(before.take(find(str(project.top)), "feature/x")))
    again = project.cauto("resume")
    assert again.returncode == exits.REFUSED, again.stderr
    assert "snapshot" in again.stderr


def test_what_a_check_runs_is_held_like_an_agent(scratch_repo: Path, git: Git) -> None:
    git(scratch_repo, "branch", "other")
    harm = "git config core.fsmonitor /bin/false; git branch -q -D other; git tag new"
    config = {
        **CONFIG,
        "commands": {"test": ["sh", "-c", harm]},
        "pipelines": {"default": {"steps": [{"skill": "ctdd"}]}},
    }
    project = Project(scratch_repo, git, config=config)
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    assert _unharmed(project)
    assert "git-put-back" in str(project.decisions())


def test_what_a_hook_of_consolidation_runs_is_held_like_an_agent(project: Project) -> None:
    hook = project.top / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\ngit config core.fsmonitor /bin/false; git branch -q -D other; git tag new\n")
    hook.chmod(0o755)
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    assert _unharmed(project)
    assert "git-put-back" in str(project.decisions())


def test_the_users_configuration_is_read_as_it_was_frozen(project: Project) -> None:
    done = project.run(AGENT_EXTRA="os.system('git config --global user.name Mallory')")
    assert done.returncode == exits.PERSON, done.stderr
    assert project.git(project.top, "log", "-1", "--format=%an %cn") == "Ada Ada"
    assert "settings of this repository are not as they were" in str(project.decisions())


@pytest.mark.parametrize("named", ["", "the user's", "the repository's"])
def test_what_the_user_ignores_and_how_files_are_read_is_as_it_was_frozen(
    project: Project, named: str
) -> None:
    home = Path(os.environ["HOME"])
    folder = home / ("rules" if named else ".config/git")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ignore").write_text(".env\n")
    (folder / "attributes").write_text("*.dat -text\n")
    if named:
        scope = "--global" if named == "the user's" else "--local"
        for key, name in (("core.excludesFile", "ignore"), ("core.attributesFile", "attributes")):
            project.git(project.top, "config", scope, key, f"~/rules/{name}")
    (project.top / ".env").write_text("a secret of the person\n")
    spoil = (
        f"open('work.c', 'w').write('x $Id: it stays $\\n'); open({str(folder / 'ignore')!r}, 'w').write('work.c\\n');"
        f" open({str(folder / 'attributes')!r}, 'w').write('* ident\\nREADME.md working-tree-encoding=UTF-16LE\\n')"
    )
    done = project.run(AGENT_EXTRA=spoil)
    assert done.returncode in (exits.OK, exits.PERSON), done.stderr
    assert project.git(project.top, "show", "HEAD:work.c") == "x $Id: it stays $"
    assert project.git(project.top, "ls-files", ".env") == ""
    assert (project.top / ".env").read_text() == "a secret of the person\n"


def test_what_the_user_ignores_is_never_in_the_patch_of_an_attempt_that_failed(project: Project) -> None:
    folder = Path(os.environ["HOME"], ".config/git")
    folder.mkdir(parents=True)
    (folder / "ignore").write_text(".env\n")
    (project.top / ".env").write_text("a secret of the person\n")
    done = project.run(AGENT_EXTRA=f"open({str(folder / 'ignore')!r}, 'w'); sys.exit(9)")
    assert done.returncode == exits.FAILED, done.stderr
    assert (project.top / ".env").read_text() == "a secret of the person\n"


def test_frozen_rules_that_were_changed_while_nobody_looked_are_put_back(project: Project) -> None:
    folder = Path(os.environ["HOME"], ".config/git")
    folder.mkdir(parents=True)
    (folder / "ignore").write_text(".env\n")
    (project.top / ".env").write_text("x\n")
    emptied = (
        "import glob; [open(f, 'w') for f in glob.glob('.correctless/artifacts/runs/*/gitconfig.ignore')]; "
    )
    _dies(project, emptied)
    again = project.cauto("resume")
    assert again.returncode == exits.PERSON, again.stderr
    assert project.git(project.top, "ls-files", ".env") == ""


def test_commits_are_signed_by_a_key_that_only_an_ssh_agent_holds(
    project: Project, git: Git, tmp_path: Path
) -> None:
    key, sock = tmp_path / "key", str(tmp_path / "sock")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for name, value in {
        "gpg.format": "ssh",
        "user.signingKey": f"{key}.pub",
        "commit.gpgSign": "true",
    }.items():
        git(project.top, "config", "--global", name, value)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.PIPE)
    try:
        assert agent.stdout is not None
        agent.stdout.readline()
        env = {"SSH_AUTH_SOCK": sock}
        subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, **env}, check=True)
        key.unlink()
        harm = "os.system('git config gpg.ssh.program /bin/false; git config --global gpg.ssh.program /bin/false')"
        done = project.run(AGENT_EXTRA=harm, **env)
        assert done.returncode == exits.PERSON, done.stderr
    finally:
        agent.terminate()
        agent.communicate()
    for commit in git(project.top, "rev-list", "main..HEAD", "--not", "HEAD~2").split():
        assert "gpgsig" in git(project.top, "cat-file", "commit", commit)


def test_the_frozen_configuration_says_what_the_users_own_does(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    from correctless.project.git.settings import frozen

    more = tmp_path / "more"
    more.write_text(
        '[a "b.c \\"d\\\\"]\n\te = "x\\ty\\n \\\\ \\" # ;"\n\tf\n[safe]\n\tdirectory = /a\n\tdirectory = /b\n'
    )
    git(scratch_repo, "config", "--global", "include.path", str(more))
    git(scratch_repo, "config", "--global", "includeIf.gitdir:/nowhere/.path", str(tmp_path / "none"))

    def listed(env: dict[str, str]) -> list[str]:
        done = subprocess.run(
            ["git", "config", "--global", "--includes", "--list", "-z"],
            env={**os.environ, **env}, capture_output=True, text=True, check=True, cwd=scratch_repo,
        )  # fmt: skip
        return [item for item in done.stdout.split("\0") if not item.startswith("include")]

    kept = tmp_path / "kept"
    kept.write_bytes(frozen(find(str(scratch_repo))))
    assert listed({"GIT_CONFIG_GLOBAL": str(kept)}) == listed({})
    assert len(listed({})) > 5


def test_a_person_who_works_in_another_worktree_meanwhile_loses_nothing(
    scratch_repo: Path, git: Git, tmp_path: Path
) -> None:
    git(scratch_repo, "branch", "theirs")
    git(scratch_repo, "branch", "free")
    theirs = tmp_path / "theirs"
    git(scratch_repo, "worktree", "add", "-q", str(theirs), "theirs")
    here = find(str(scratch_repo))
    known = before.take(here, "feature/x")
    git(theirs, "commit", "-q", "--allow-empty", "-m", "theirs")
    went = git(theirs, "rev-parse", "HEAD")
    git(theirs, "config", "branch.theirs.remote", "origin")
    told = restore.restore(known, str(tmp_path / "aside"))
    assert [change.name for change in told] == ["refs/heads/theirs"]
    assert git(theirs, "rev-parse", "HEAD") == went
    assert git(theirs, "config", "branch.theirs.remote") == "origin"
    known = before.take(here, "feature/x")
    git(theirs, "switch", "-q", "free")
    (change,) = restore.restore(known, str(tmp_path / "aside"))
    assert "left as it is" in change.what
    assert git(theirs, "symbolic-ref", "HEAD") == "refs/heads/free"


def test_a_snapshot_on_disk_is_the_snapshot(scratch_repo: Path, git: Git) -> None:
    git(scratch_repo, "pack-refs", "--all")
    here = find(str(scratch_repo))
    taken = before.take(here, "feature/x")
    read = before.unpack(here, before.pack(taken))
    read.folders = taken.folders
    assert read == taken


def test_a_pack_that_was_made_longer_is_refused_and_not_read(project: Project) -> None:
    project.git(project.top, "gc", "-q")
    (pack,) = (project.top / ".git/objects/pack").glob("*.pack")
    grown = f"os.chmod({str(pack)!r}, 0o644); os.truncate({str(pack)!r}, 3 << 40)"
    done = project.run(AGENT_EXTRA=grown)
    assert done.returncode == exits.REFUSED, done.stderr
    assert "git never changes a pack" in done.stderr


@pytest.mark.parametrize(
    ("settings", "stays"),
    [
        ({"remote": "origin", "merge": "refs/heads/main", "rebase": "true"}, True),
        ({"remote": "."}, True),
        ({"remote": ".."}, False),
        ({"remote": "ext::/bin/false"}, False),
        ({"remote": "/elsewhere"}, False),
        ({"pushRemote": "origin"}, False),
        ({"mergeOptions": "-s evil"}, False),
        ({"rebase": "interactive; x"}, False),
    ],
)
def test_of_a_branchs_settings_only_what_it_tracks_by_plain_names_may_differ(
    project: Project, settings: dict[str, str], stays: bool
) -> None:
    repo = find(str(project.top))
    snapshot = before.take(repo, "feature/x")
    for name, value in settings.items():
        project.git(project.top, "config", f"branch.other.{name}", value)
    changes = restore.restore(snapshot, str(project.top.parent / "aside"))
    assert ("[branch" in (project.top / ".git/config").read_text()) == stays
    assert bool(changes) != stays


def test_a_deep_tree_in_which_no_git_folder_is_found_ends_with_a_reason(
    project: Project, tmp_path: Path
) -> None:
    deep = "[(os.mkdir('d'), os.chdir('d')) for _ in range(1500)]"
    try:
        done = project.run(AGENT_EXTRA=f"os.rename('.git', {str(tmp_path / 'gone')!r}); {deep}")
    finally:
        # shutil.rmtree would recurse as deep
        subprocess.run(["rm", "-rf", str(project.top / "d")], check=True)
    assert done.returncode == exits.REFUSED, done.stderr
    assert "is missing, or another one is in its place" in done.stderr


def test_a_stash_that_was_left_where_there_was_none_stays_and_is_told(project: Project) -> None:
    """It may hold all of a step's work."""
    done = project.run(AGENT_EXTRA="os.system('echo x >>spec.md; git stash -q')")
    assert done.returncode == exits.PERSON, done.stderr
    assert "refs/stash was added" in str([each["original_escalation_reason"] for each in project.decisions()])
    assert "stash@{0}" in project.git(project.top, "stash", "list")


def test_a_stash_that_was_there_is_put_back(project: Project) -> None:
    (project.top / "spec.md").write_text("# changed\n")
    project.git(project.top, "stash", "-q")
    before_it = project.git(project.top, "rev-parse", "refs/stash")
    done = project.run(AGENT_EXTRA="os.system('git stash drop -q; echo x >>spec.md; git stash -q')")
    assert done.returncode == exits.PERSON, done.stderr
    assert project.git(project.top, "rev-parse", "refs/stash") == before_it


@pytest.mark.parametrize("where", ["lfs", "lfs/objects", "reftable"])
def test_a_link_that_was_made_in_a_store_is_taken_away_and_told(
    scratch_repo: Path, tmp_path: Path, where: str
) -> None:
    here = find(str(scratch_repo))
    (scratch_repo / ".git/lfs").mkdir()
    (scratch_repo / ".git/lfs/theirs").symlink_to(tmp_path)  # a person's own stays
    known = before.take(here, "feature/x")
    link = scratch_repo / ".git" / where
    if where == "lfs":
        link.rename(tmp_path / "lfs")
    link.symlink_to(tmp_path)
    changes = restore.restore(known, str(tmp_path / "aside"))
    assert not link.is_symlink()
    assert any(each.name == str(link) for each in changes)
    assert where == "lfs" or (scratch_repo / ".git/lfs/theirs").is_symlink()


def test_no_index_of_ours_lies_where_an_agent_writes(scratch_repo: Path, tmp_path: Path) -> None:
    here = find(str(scratch_repo))
    there = {*(scratch_repo / ".git").iterdir()}
    with here.scratch_index() as env:
        assert {*(scratch_repo / ".git").iterdir()} == there
        assert not Path(env["GIT_INDEX_FILE"]).is_relative_to(scratch_repo)
        here.git("read-tree", "HEAD", env=env)
    assert not Path(env["GIT_INDEX_FILE"]).parent.exists()
