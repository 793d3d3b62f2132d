"""A folder in; its git repository out: where things lie, what branch it is on, what changed, and git run safely in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from correctless import exits
from correctless.exits import Stop
from correctless.values import frozen

_SECONDS = 120.0  # longer than any local git command of ours takes; a signing prompt or a dead disk ends here

# What an agent wrote must never run with the dispatcher's rights: no hooks, no monitor program, no prompt, no editor.
_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_SAFE_ENV = {
    "GIT_NO_REPLACE_OBJECTS": "1",  # an agent can make a ref that shows another commit in place of the base
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "false",
    "GIT_PAGER": "cat",
    "GIT_ASKPASS": "false",
}
# A caller inside a git hook has these set; they would silently redirect our git to another repository.
_REDIRECTING = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)


@frozen
class Standing:
    """A worktree at a moment: its branch (None: detached), its commit (None: there is none), and the paths git status names."""

    branch: str | None
    head: str | None
    changed: tuple[str, ...]


@frozen
class Repo:
    """One worktree of a repository."""

    top: str  # this worktree
    git_dir: str  # this worktree's own git folder: the run's lock lies here
    common_dir: str  # the one all worktrees share
    home: str  # the folder whose `.correctless/artifacts` keeps the logs

    def git(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        seconds: float = _SECONDS,
    ) -> str:
        """git's standard output without its last newline; `Stop(3)` with git's own first line when it fails."""
        done = self.try_git(*args, env=env, stdin=stdin, seconds=seconds)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[0]
            raise Stop(exits.REFUSED, f"git {args[0]} failed in {self.top}: {said}")
        return done.stdout.removesuffix("\n")

    def try_git(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        seconds: float = _SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """git's outcome whatever it is: for questions whose answer is the exit code."""
        return _git(self.top, args, env=env, stdin=stdin, seconds=seconds)

    def branch(self) -> str | None:
        """The branch HEAD is on, None when it is detached."""
        done = self.try_git("symbolic-ref", "--quiet", "--short", "HEAD")
        return done.stdout.strip() or None if done.returncode == 0 else None

    def head(self) -> str:
        return self.git("rev-parse", "--verify", "HEAD^{commit}")

    def committer(self) -> str:
        """Who commits here, as `Name <address>`."""
        return self.git("var", "GIT_COMMITTER_IDENT").rpartition(">")[0] + ">"

    def has_commit(self) -> bool:
        return self.try_git("rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode == 0

    def dirty_files(self) -> tuple[str, ...]:
        """Paths git status names (changed, staged, untracked), relative to `top`; ignored files are none."""
        return self.standing().changed

    def standing(self) -> Standing:
        """Where the worktree stands, asked once: `branch`, `head` and `dirty_files` in one process of git."""
        out = self.git("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames")
        facts: dict[str, str] = {}
        changed = []
        for entry in filter(None, out.split("\0")):
            mark, _, rest = entry.partition(" ")
            if mark == "#":
                name, _, value = rest.partition(" ")
                facts[name] = value
            else:
                # Before the path stand 7 fields of a changed file, 9 of one in conflict, none of an untracked one.
                changed.append(rest.split(" ", {"1": 7, "u": 9}.get(mark, 0))[-1])
        head, branch = facts.get("branch.oid", "(initial)"), facts.get("branch.head", "(detached)")
        return Standing(
            branch=None if branch == "(detached)" else branch,
            head=None if head == "(initial)" else head,
            changed=tuple(changed),
        )

    def changed_files(self, base: str) -> tuple[str, ...]:
        """Paths that differ between `base` and the worktree as it stands, untracked ones included."""
        tracked = self.git("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", base)
        untracked = self.git("ls-files", "--others", "--exclude-standard", "-z")
        return tuple(sorted({*tracked.split("\0"), *untracked.split("\0")} - {""}))

    def file_at(self, commit: str, path: str, *, env: Mapping[str, str] | None = None) -> bytes | None:
        """The bytes of one file in a commit; None when the commit has no such file."""
        return self._blob(f"{commit}:{path}", env)

    def blob(self, oid: str) -> bytes:
        """The bytes of one blob; `Stop(3)` when there is none of this id."""
        data = self._blob(oid)
        if data is None:
            raise Stop(exits.REFUSED, f"{self.top} has no file contents {oid[:12]}. see git fsck")
        return data

    def _blob(self, named: str, env: Mapping[str, str] | None = None) -> bytes | None:
        done = subprocess.run(
            ["git", *_SAFE, "cat-file", "blob", named],
            cwd=self.top,
            env=_environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def tree_of(self, files: Mapping[str, bytes]) -> str:
        """A tree of exactly these plain files, by path, written to the object store; worktree and index stay as they are."""
        lines = []
        for path, data in files.items():
            text = data.decode("utf-8", "surrogateescape")  # as `try_git` spells bytes
            lines.append(
                f"100644 {self.git('hash-object', '-w', '--no-filters', '--stdin', stdin=text)}\t{path}\0"
            )
        with self._scratch_index() as env:
            self.git("update-index", "--add", "-z", "--index-info", stdin="".join(lines), env=env)
            return self.git("write-tree", env=env)

    @contextmanager
    def _scratch_index(self) -> Iterator[dict[str, str]]:
        """The environment of git commands that use an index of their own, which is empty at first and gone afterwards."""
        index = os.path.join(self.git_dir, f"correctless-index-{os.getpid()}")
        try:
            yield {"GIT_INDEX_FILE": index}
        finally:
            for leftover in (index, index + ".lock"):
                if os.path.exists(leftover):
                    os.unlink(leftover)

    def patch_since(self, base: str) -> bytes:
        """Everything between `base` and the worktree as one binary patch, untracked files included; the index keeps."""
        tree = self._tree(base)
        done = subprocess.run(
            ["git", *_SAFE, "diff", "--binary", "--no-ext-diff", "--no-textconv", base, tree],
            cwd=self.top,
            env=_environment(None),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        return done.stdout

    def left(self) -> str:
        """`commit:tree` of what is here now: HEAD, and the worktree with its untracked files but not the ignored ones."""
        head = self.head()
        return f"{head}:{self._tree(head)}"

    def _tree(self, base: str) -> str:
        # A scratch index: the agent's staged state stays as it is for whoever looks afterwards.
        with self._scratch_index() as env:
            self.git("read-tree", base, env=env)
            self.git("add", "--all", "--", ".", env=env)
            return self.git("write-tree", env=env)

    def reset_to(self, commit: str) -> None:
        """Branch, index and worktree as in `commit`; untracked files go, ignored ones are never deleted."""
        self.git("reset", "--hard", "--quiet", commit)
        self.git("clean", "--force", "-d", "--quiet")

    def trailers(self, commit: str) -> dict[str, str]:
        """The trailers of one commit's message; of a repeated one the last."""
        out = self.git("log", "-1", "--format=%(trailers:only,unfold)", commit)
        return dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)

    def is_ancestor(self, older: str, newer: str) -> bool:
        return self.try_git("merge-base", "--is-ancestor", older, newer).returncode == 0

    def remote_url(self, remote: str) -> str | None:
        """The configured URL as written, before any insteadOf."""
        done = self.try_git("config", "--get", f"remote.{remote}.url")
        return done.stdout.strip() or None if done.returncode == 0 else None

    def configuration(self) -> dict[str, str]:
        """git's configuration as it counts here: key in lower case -> value, of a repeated key all values with blanks between."""
        done = self.try_git("config", "--list", "-z")
        found: dict[str, str] = {}
        for item in filter(None, done.stdout.split("\0")):
            key, _, value = item.partition("\n")
            found[key.lower()] = f"{found[key.lower()]} {value}" if key.lower() in found else value
        return found

    def worktrees(self) -> dict[str, str]:
        """The branches that are checked out somewhere, each with the top folder of its worktree."""
        found: dict[str, str] = {}
        place = ""
        for item in self.git("worktree", "list", "--porcelain").splitlines():
            name, _, value = item.partition(" ")
            if name == "worktree":
                place = value
            elif name == "branch" and os.path.isdir(place):
                found[value.removeprefix("refs/heads/")] = place
        return found

    def push_urls(self) -> tuple[str, ...]:
        """The addresses remotes have for pushing alone."""
        done = self.try_git("config", "-z", "--get-regexp", r"^remote\..*\.pushurl$")
        return tuple(item.partition("\n")[2] for item in done.stdout.split("\0") if item)

    def default_branch(self, remote: str) -> str | None:
        """The remote's default branch as last fetched, without the remote's name."""
        done = self.try_git("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD")
        return (
            done.stdout.strip().removeprefix(f"refs/remotes/{remote}/") or None
            if done.returncode == 0
            else None
        )


_PLACES = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")


def find(cwd: str) -> Repo:
    """The repository `cwd` lies in; `Stop(3)` when there is none, or when it is bare without a worktree."""
    done = _git(cwd, ("rev-parse", *_PLACES))
    lines = done.stdout.splitlines()
    if done.returncode != 0 or len(lines) != 3:
        raise Stop(
            exits.REFUSED,
            f"{cwd} is not in a git worktree. change into your repository, or run git init first",
        )
    return _repo(cwd, lines)


def find_on_branch(cwd: str) -> tuple[Repo, str | None]:
    """What `find` returns, and the branch it is on where the same call of git tells."""
    done = _git(cwd, ("rev-parse", *_PLACES, "--abbrev-ref=loose", "HEAD"))
    *lines, branch = done.stdout.splitlines() or [""]
    # Before the first commit, on no branch, or beside a tag of the name HEAD this call names no branch.
    if done.returncode != 0 or len(lines) != len(_PLACES) or branch == "HEAD":
        return find(cwd), None
    return _repo(cwd, lines), branch


def _repo(cwd: str, lines: Sequence[str]) -> Repo:
    top, git_dir, common = (os.path.realpath(os.path.join(cwd, line)) for line in lines)
    # A submodule's common folder is <super>/.git/modules/<name>, a bare repository's is <name>.git: there the logs
    # stay under the top folder git names; else under the main worktree, which `git worktree remove` can't take.
    home = os.path.dirname(common) if os.path.basename(common) == ".git" else top
    return Repo(top=top, git_dir=git_dir, common_dir=common, home=home)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _REDIRECTING}
    return {**kept, **_SAFE_ENV, **(extra or {})}


def _git(
    cwd: str,
    args: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    seconds: float = _SECONDS,
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *_SAFE, *args],
            cwd=cwd,
            env=_environment(env),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # a path is bytes to git; it must come back as the same bytes
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        where = "git" if os.path.isdir(cwd) else cwd
        raise Stop(
            exits.REFUSED, f"{where} was not found. install git, or name a folder that exists"
        ) from None
    except subprocess.TimeoutExpired:
        raise Stop(
            exits.REFUSED, f"git {args[0]} took over {seconds:.0f} s. see what it waits for in {cwd}"
        ) from None
