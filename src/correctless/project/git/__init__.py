"""The git repository of a folder: its paths, branch and changes, and git run safely in it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import replace_file
from correctless.base.values import frozen
from correctless.project.git import call, staging
from correctless.project.git.call import SECONDS, GitPlace, Rights, dot_git, error_line

if TYPE_CHECKING:
    from correctless.base.process.process import Result, Wrap


@frozen
class WorktreeStatus:
    """A worktree's branch (None: detached), its commit (None: none yet), and the paths git status lists.

    `links` are repositories of their own: their files are in no commit of this one. `unstaged` differ from the index.
    """

    branch: str | None
    head: str | None
    changed: tuple[str, ...]
    links: tuple[str, ...] = ()
    unstaged: tuple[str, ...] = ()
    conflicts: frozenset[str] = frozenset()


@frozen
class Repo:
    """One worktree of a repository."""

    top: str  # this worktree
    git_dir: str  # this worktree's own git folder, with the run's lock
    common_dir: str  # the one all worktrees share
    home: str  # the folder whose `.correctless/artifacts` has the logs
    settings: str = ""  # the frozen file that replaces the user's and the machine's configuration

    @property
    def place(self) -> GitPlace:
        """Return the folders and settings that each call of git is pinned to."""
        return GitPlace(self.top, self.git_dir, self.common_dir, self.settings)

    def git(
        self,
        *args: str,
        rights: Rights = "",
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        seconds: float = SECONDS,
    ) -> str:
        """Return git's standard output without its last newline. Raises: `Stop(3)` with git's first line when it fails."""
        done = self.try_git(*args, rights=rights, env=env, stdin=stdin, seconds=seconds)
        if done.returncode != 0:
            raise Stop(exits.REFUSED, f"git {args[0]} failed in {self.top}: {error_line(done)}")
        return done.stdout.removesuffix("\n")

    def try_git(
        self,
        *args: str,
        rights: Rights = "",
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        seconds: float = SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """Return git's outcome, whatever it is: for questions whose answer is the exit code."""
        done: subprocess.CompletedProcess[str] = call.run(
            self.place, args, rights=rights, env=env, stdin=stdin, seconds=seconds
        )
        return done

    def with_hooks(
        self, *args: str, env: Mapping[str, str], stdin: str, seconds: float, wrap: Wrap | None = None
    ) -> Result:
        """Run git with the repository's own hooks, which an agent may have written: in an agent's environment and sandbox."""
        from correctless.base.process import process  # only a dispatcher needs it

        return process.run(
            call.hooked(self.place, args),
            cwd=self.top,
            env={**env, **call.settings_of(self.place), "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "false"},
            stdin=stdin.encode("utf-8", "surrogateescape"),
            wall_s=seconds,
            wrap=wrap,
        )

    def branch(self) -> str | None:
        """Return the branch HEAD is on, None when it is detached."""
        # Not --short: beside a tag of the same name that is `heads/NAME`, and the branch's logs would not be found.
        return self._line("symbolic-ref", "--quiet", "HEAD").removeprefix(_HEADS) or None

    def head(self) -> str:
        """Return the commit id of HEAD. Raises: `Stop(3)` before the first commit."""
        return self.resolve("HEAD")

    def resolve(self, ref: str) -> str:
        """Return the commit a ref names. Raises: `Stop(3)` when it names none."""
        return self.git("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")

    def commit(self, ref: str, *, env: Mapping[str, str] | None = None) -> str | None:
        """Return the commit a ref names, None when it names none."""
        args = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return self._line(*args, env=env) or None

    def _line(self, *args: str, env: Mapping[str, str] | None = None) -> str:
        """Return git's output of one line, "" where git fails."""
        done = self.try_git(*args, env=env)
        return done.stdout.strip() if done.returncode == 0 else ""

    def committer(self) -> str:
        """Return git's name for you as committer: `Name <address>`."""
        return self.git("var", "GIT_COMMITTER_IDENT").rpartition(">")[0] + ">"

    def has_commit(self) -> bool:
        """Tell whether HEAD names a commit."""
        return self.commit("HEAD") is not None

    def dirty_files(self) -> tuple[str, ...]:
        """Return the paths git status lists (changed, staged, untracked), relative to `top`; no ignored ones."""
        return self.status().changed

    def status(self, *, env: Mapping[str, str] | None = None) -> WorktreeStatus:
        """Return the status of the worktree, in one process of git."""
        args = ("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames")
        out = self.git(*args, env=env)
        facts: dict[str, str] = {}
        changed: list[str] = []
        links: list[str] = []
        unstaged: list[str] = []
        conflicts: set[str] = set()
        for entry in filter(None, out.split("\0")):
            mark, _, rest = entry.partition(" ")
            if mark == "#":
                name, _, value = rest.partition(" ")
                facts[name] = value
            else:
                # Before the path are 7 fields of a changed file, 9 of one in conflict, none of an untracked one.
                *fields, path = rest.split(" ", {"1": 7, "u": 9}.get(mark, 0))
                changed.append(path)
                if not fields or fields[0][1] != "." or mark == "u":
                    unstaged.append(path)
                if mark == "u":
                    conflicts.add(path)
                if path.endswith("/") or (fields and fields[1] != "N..."):
                    links.append(path.rstrip("/"))
        inside = [
            path for path, oid in self.submodules() if path not in links and self._dirty_inside(path, oid)
        ]
        head, branch = facts.get("branch.oid", "(initial)"), facts.get("branch.head", "(detached)")
        return WorktreeStatus(
            branch=None if branch == "(detached)" else branch,
            head=None if head == "(initial)" else head,
            changed=(*changed, *inside),
            links=(*links, *inside),
            unstaged=tuple(unstaged),
            conflicts=frozenset(conflicts),
        )

    def submodules(self) -> Iterator[tuple[str, str]]:
        """Yield path and commit of each repository inside this one that its index names."""
        modules = os.path.join(self.common_dir, "modules")  # a sandbox makes an empty one
        known = os.path.isdir(modules) and os.listdir(modules)
        if known or os.path.lexists(os.path.join(self.top, ".gitmodules")):
            for item in self.git("ls-files", "--stage", "-z").split("\0"):
                if item.startswith("160000 "):
                    what, _, path = item.partition("\t")
                    yield path, what.split(" ")[1]

    def _dirty_inside(self, path: str, commit: str) -> bool:
        """Whether a submodule differs from its `commit`. Its own configuration is not read."""
        from correctless.project.git import nested  # which needs this class

        top = os.path.join(self.top, path)
        if dot_git(top) is None:
            return os.path.lexists(top) and (not os.path.isdir(top) or bool(os.listdir(top)))
        try:
            with nested.at(top, commit, self.settings) as inner:
                return inner is None or bool(inner.status().unstaged)
        except Stop:
            return True  # what git can't read is nothing a run commits

    def links_since(self, base: str) -> tuple[str, ...]:
        """Return the repositories inside this one that commits and index since `base` added or changed."""
        items = self.git("diff", "--raw", "-z", "--no-renames", base).split("\0")
        pairs = zip(items[::2], items[1::2], strict=False)
        return tuple(path for fields, path in pairs if fields.split(" ")[1] == "160000")

    def changed_files(self, base: str) -> tuple[str, ...]:
        """Return the paths that differ between `base` and the worktree, untracked ones included."""
        tracked = self.git("diff", "--name-only", "-z", "--no-renames", base)
        untracked = self.git("ls-files", "--others", "--exclude-standard", "-z")
        return tuple(sorted({*tracked.split("\0"), *untracked.split("\0")} - {""}))

    def check_ignore(self, paths: Iterable[str], *options: str, config: Sequence[str] = ()) -> str:
        """Return what git check-ignore prints for paths, with NUL after each field. Raises: `Stop(3)` when it fails."""
        if not (listed := "".join(f"{path}\0" for path in paths)):
            return ""
        done = self.try_git(*config, "check-ignore", *options, "-z", "--stdin", stdin=listed)
        if done.returncode not in (0, 1):
            raise Stop(exits.REFUSED, f"ignored files in {self.top} cannot be checked: {error_line(done)}")
        return done.stdout

    def file_at(self, commit: str, path: str, *, env: Mapping[str, str] | None = None) -> bytes | None:
        """Return the bytes of one file in a commit; None when the commit has no such file."""
        return self._blob(f"{commit}:{path}", env)

    def blob(self, oid: str) -> bytes:
        """Return the bytes of one blob. Raises: `Stop(3)` when it is missing."""
        data = self._blob(oid)
        if data is None:
            raise Stop(exits.REFUSED, f"{self.top} has no file contents {oid[:12]}. see git fsck")
        return data

    def _blob(self, named: str, env: Mapping[str, str] | None = None) -> bytes | None:
        done: subprocess.CompletedProcess[bytes] = call.run(
            self.place, ("cat-file", "blob", named), env=env, text=False
        )
        return done.stdout if done.returncode == 0 else None

    def tree_of(self, files: Mapping[str, bytes]) -> str:
        """Write a tree of exactly these plain files, by path, to the object store; worktree and index are unchanged."""
        lines = []
        for path, data in files.items():
            text = data.decode("utf-8", "surrogateescape")  # as `try_git` spells bytes
            oid = self.git("hash-object", "-w", "--no-filters", "--stdin", stdin=text)
            lines.append(f"100644 {oid}\t{path}\0")
        with self.scratch_index() as env:
            self.git("update-index", "--add", "-z", "--index-info", stdin="".join(lines), env=env)
            return self.git("write-tree", env=env)

    @contextmanager
    def scratch_index(self, known: bytes = b"") -> Iterator[dict[str, str]]:
        """Yield the environment of git commands with a temporary index that begins as `known`."""
        import tempfile  # only a dispatcher needs it

        # Not in git's folder: an agent could have put a link there, and git would write through it.
        with tempfile.TemporaryDirectory(prefix="correctless-", ignore_cleanup_errors=True) as folder:
            index = os.path.join(folder, "index")
            if known:
                replace_file(index, known, mode=0o600, durable=False)
            yield {"GIT_INDEX_FILE": index}

    def patch_since(self, base: str, *, but: Sequence[str] = ()) -> bytes:
        """Return the changes since `base` as one binary patch, with untracked files and without `but`; the index is unchanged."""
        paths = (".", *(f":(exclude,literal){path}" for path in but))
        args = ("diff", "--binary", base, self._tree(base), "--", *paths)
        done: subprocess.CompletedProcess[bytes] = call.run(self.place, args, text=False)
        if done.returncode != 0:
            raise Stop(
                exits.REFUSED,
                f"the changes in {self.top} can't be saved as a patch. see git diff {base[:12]}",
            )
        return done.stdout

    def fingerprint(self) -> str:
        """Return `commit:tree` of HEAD and of the worktree, with its untracked files but not the ignored ones."""
        head = self.head()
        return f"{head}:{self._tree(head)}"

    def _tree(self, base: str) -> str:
        # A temporary index: the agent's staged state is unchanged.
        with self.scratch_index() as env:
            self.git("read-tree", base, env=env)
            staging.stage(self, env=env)
            return self.git("write-tree", env=env)

    def reset_to(self, commit: str) -> None:
        """Reset branch, index and worktree to `commit`; untracked files are deleted, ignored ones are not."""
        # Twice: where a link was in the place of a folder, the first one omits the files below it.
        reset = ("reset", "--hard", "--quiet", commit)
        for args in (reset, ("clean", "--force", "-d", "--quiet"), reset):
            done = self.try_git(*args)
            if done.returncode != 0:
                raise Stop(
                    exits.REFUSED,
                    f"{self.top} can't be reset to {commit[:12]}: {error_line(done)}. make that path writable and removable "
                    "(chmod u+rwX, chattr -i), then continue with: correctless cauto resume",
                )

    def trailers(self, commit: str) -> dict[str, str]:
        """Return the trailers of one commit's message; of a repeated one the last."""
        out = self.git("log", "-1", "--format=%(trailers:only,unfold)", commit)
        return dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Tell whether a commit is another's ancestor, or the same."""
        return self.try_git("merge-base", "--is-ancestor", older, newer).returncode == 0

    def remote_url(self, remote: str) -> str | None:
        """Return the configured URL as written, before any insteadOf."""
        return self._line("config", "--get", f"remote.{remote}.url") or None

    def scoped_configuration(self) -> tuple[tuple[str, str], ...]:
        """Return each setting of this repository: its scope, and its key, a newline and its value."""
        items = self.try_git("config", "--list", "--null", "--show-scope").stdout.split("\0")
        return tuple(zip(items[::2], items[1::2], strict=False))

    def configuration(self, scoped: Sequence[tuple[str, str]] | None = None) -> dict[str, str]:
        """Return git's configuration without what our calls set: key in lower case -> value, of a repeated key a line each.

        Conditional includes count too, even if their condition is false. `scoped` is `scoped_configuration()`, if already read.
        """
        settings: dict[str, str] = {}
        files: list[tuple[str, ...]] = [()]
        for file in files:  # grows by conditional includes
            if file:
                listed = self.try_git("config", *file, "--includes", "--list", "-z").stdout.split("\0")
            else:
                listed = [item for _, item in (self.scoped_configuration() if scoped is None else scoped)]
            for item in listed:
                name, _, value = item.partition("\n")
                key = name.lower()
                if not key or (key, value) in call.OURS:
                    continue
                settings[key] = f"{settings[key]}\n{value}" if key in settings else value
                if key.startswith("includeif.") and len(files) < _CONDITIONAL:
                    path = os.path.join(os.path.expanduser("~"), os.path.expanduser(value))
                    if os.path.isfile(path) and ("--file", path) not in files:
                        files.append(("--file", path))
        return settings

    def worktrees(self) -> dict[str, str]:
        """Return the branches that are checked out, each with the top folder of its worktree."""
        branches: dict[str, str] = {}
        place = ""
        for item in self.git("worktree", "list", "--porcelain").splitlines():
            name, _, value = item.partition(" ")
            if name == "worktree":
                place = value
            elif name == "branch" and os.path.isdir(place):
                branches[value.removeprefix(_HEADS)] = place
        return branches

    def default_branch(self, remote: str) -> str | None:
        """Return the remote's default branch as last fetched, without the remote's name."""
        prefix = f"refs/remotes/{remote}/"
        return self._line("symbolic-ref", "--quiet", f"{prefix}HEAD").removeprefix(prefix) or None


_CONDITIONAL = 20  # files of conditional includes that are read
_HEADS = "refs/heads/"
_NO_WORKTREE = ("not a git repository", "must be run in a work tree")
_PLACES = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")


def find(cwd: str) -> Repo:
    """Return the repository `cwd` is in. Raises: `Stop(3)` outside of one, or in a bare one without a worktree."""
    done = call.run(GitPlace(cwd), ("rev-parse", *_PLACES))
    lines = done.stdout.splitlines()
    if "dubious ownership" in done.stderr:
        path = done.stderr.partition(" at '")[2].partition("'")[0] or cwd
        raise Stop(
            exits.REFUSED,
            f"git works in no repository that belongs to another user, and {path} does. if you trust it: "
            f"git config --global --add safe.directory {shlex.quote(path)}",
        )
    if done.returncode != 0 and not any(text in done.stderr for text in _NO_WORKTREE):
        output = " ".join(done.stderr.split())[:300].rstrip(".")
        raise Stop(exits.REFUSED, f"git can't read the repository of {cwd}: {output}. see git status")
    if done.returncode != 0 or len(lines) != len(_PLACES):
        raise Stop(
            exits.REFUSED,
            f"{cwd} is not in a git worktree. change into your repository, or run git init first",
        )
    return _repo(cwd, lines)


def find_on_branch(cwd: str) -> tuple[Repo, str | None]:
    """Return the repository as `find` does, and its branch if the same call of git names it."""
    done = call.run(GitPlace(cwd), ("rev-parse", *_PLACES, "--symbolic-full-name", "HEAD"))
    *lines, ref = done.stdout.splitlines() or [""]
    # Before the first commit, on no branch, or beside a tag of the name HEAD this call names no branch.
    if done.returncode != 0 or len(lines) != len(_PLACES) or not ref.startswith(_HEADS):
        return find(cwd), None
    return _repo(cwd, lines), ref.removeprefix(_HEADS)


def _repo(cwd: str, lines: Sequence[str]) -> Repo:
    top, git_dir, common = (os.path.realpath(os.path.join(cwd, line)) for line in lines)
    # core.worktree can name any folder of the machine as the worktree, and a reset would delete its files.
    if dot_git(top) != git_dir:
        raise Stop(
            exits.REFUSED,
            f"the git configuration in {git_dir} names {top} as its worktree, which has another .git or none. "
            "see git config core.worktree, and unset it",
        )
    # A submodule's common folder is <super>/.git/modules/<name>, a bare repository's is <name>.git: then the logs are
    # below the worktree's top; else below the main worktree, which `git worktree remove` does not remove.
    home = os.path.dirname(common) if os.path.basename(common) == ".git" else top
    return Repo(top=top, git_dir=git_dir, common_dir=common, home=home)
