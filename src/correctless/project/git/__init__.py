"""The git repository of a folder: its paths, branch and changes, and git run safely in it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import open_plain, replace_file
from correctless.base.values import frozen
from correctless.project.git import call, staging
from correctless.project.git.call import SECONDS, GitPlace, Rights

if TYPE_CHECKING:
    from correctless.base.process.process import Result, Wrap


@frozen
class Standing:
    """A worktree at a moment: its branch (None: detached), its commit (None: there is none), and the paths git status names."""

    branch: str | None
    head: str | None
    changed: tuple[str, ...]
    links: tuple[
        str, ...
    ] = ()  # those that are repositories of their own: their files are in no commit of this one
    unstaged: tuple[str, ...] = ()  # those the index does not hold as they lie there
    conflicts: frozenset[str] = frozenset()


@frozen
class Repo:
    """One worktree of a repository."""

    top: str  # this worktree
    git_dir: str  # this worktree's own git folder: the run's lock lies here
    common_dir: str  # the one all worktrees share
    home: str  # the folder whose `.correctless/artifacts` keeps the logs

    settings: str = ""  # the frozen file that stands for the user's and the machine's configuration

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
        """git's standard output without its last newline; `Stop(3)` with git's own first line when it fails."""
        done = self.try_git(*args, rights=rights, env=env, stdin=stdin, seconds=seconds)
        if done.returncode != 0:
            raise Stop(exits.REFUSED, f"git {args[0]} failed in {self.top}: {_said(done)}")
        return done.stdout.removesuffix("\n")

    def try_git(
        self,
        *args: str,
        rights: Rights = "",
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        seconds: float = SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """git's outcome whatever it is: for questions whose answer is the exit code."""
        done: subprocess.CompletedProcess[str] = call.run(
            self.place, args, rights=rights, env=env, stdin=stdin, seconds=seconds
        )
        return done

    def with_hooks(
        self, *args: str, env: Mapping[str, str], stdin: str, seconds: float, wrap: Wrap | None = None
    ) -> Result:
        """git with the repository's own hooks, which run what an agent wrote: in its environment and sandbox, ended as a whole."""
        from correctless.base.process import process  # only whoever dispatches needs it

        return process.run(
            call.hooked(self.place, args),
            cwd=self.top,
            env={**env, **call.settings_of(self.place), "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "false"},
            stdin=stdin.encode("utf-8", "surrogateescape"),
            wall_s=seconds,
            wrap=wrap,
        )

    def branch(self) -> str | None:
        """The branch HEAD is on, None when it is detached."""
        # Not --short: beside a tag of the same name that is `heads/NAME`, and the branch's logs would seem gone.
        done = self.try_git("symbolic-ref", "--quiet", "HEAD")
        return done.stdout.strip().removeprefix(_HEADS) or None if done.returncode == 0 else None

    def head(self) -> str:
        """Return the commit id of HEAD.

        Raises: Stop(3) when there is no commit.
        """
        return self.resolve("HEAD")

    def resolve(self, ref: str) -> str:
        """The commit a ref names; `Stop(3)` when it names none."""
        return self.git("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")

    def commit(self, ref: str, *, env: Mapping[str, str] | None = None) -> str | None:
        """The commit a ref names, None when it names none."""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        done = self.try_git(*words, env=env)
        return done.stdout.strip() or None if done.returncode == 0 else None

    def committer(self) -> str:
        """Who commits here, as `Name <address>`."""
        return self.git("var", "GIT_COMMITTER_IDENT").rpartition(">")[0] + ">"

    def has_commit(self) -> bool:
        """Tell whether HEAD names a commit."""
        return self.commit("HEAD") is not None

    def dirty_files(self) -> tuple[str, ...]:
        """Paths git status names (changed, staged, untracked), relative to `top`; ignored files are none."""
        return self.standing().changed

    def stage(self, here: Standing | None = None, *, env: Mapping[str, str] | None = None) -> None:
        """Put all that differs into the index, but repositories inside this one; `here` is `standing()` where that is known."""
        staging.stage(self, here, env)

    def standing(self, *, env: Mapping[str, str] | None = None) -> Standing:
        """Where the worktree stands, asked once: `branch`, `head` and `dirty_files` in one process of git."""
        words = ("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames")
        out = self.git(*words, env=env)
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
                # Before the path stand 7 fields of a changed file, 9 of one in conflict, none of an untracked one.
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
        return Standing(
            branch=None if branch == "(detached)" else branch,
            head=None if head == "(initial)" else head,
            changed=(*changed, *inside),
            links=(*links, *inside),
            unstaged=tuple(unstaged),
            conflicts=frozenset(conflicts),
        )

    def submodules(self) -> Iterator[tuple[str, str]]:
        """Path and commit of each repository inside this one that its index names."""
        kept = os.path.join(self.common_dir, "modules")  # a sandbox makes an empty one
        if os.path.lexists(os.path.join(self.top, ".gitmodules")) or (
            os.path.isdir(kept) and os.listdir(kept)
        ):
            for item in self.git("ls-files", "--stage", "-z").split("\0"):
                if item.startswith("160000 "):
                    what, _, path = item.partition("\t")
                    yield path, what.split(" ")[1]

    def _dirty_inside(self, path: str, commit: str) -> bool:
        """Whether a submodule on `commit` holds what that commit does not. Its own configuration has no part in the answer."""
        from correctless.project.git import nested  # which needs this class

        top = os.path.join(self.top, path)
        if dot_git(top) is None:
            return os.path.lexists(top) and (not os.path.isdir(top) or bool(os.listdir(top)))
        try:
            with nested.at(top, commit, self.settings) as inner:
                return inner is None or bool(inner.standing().unstaged)
        except Stop:
            return True  # what git can't look at is nothing a run commits

    def links_since(self, base: str) -> tuple[str, ...]:
        """The repositories inside this one that commits and index since `base` name anew or otherwise."""
        items = self.git("diff", "--raw", "-z", "--no-renames", base).split("\0")
        pairs = zip(items[::2], items[1::2], strict=False)
        return tuple(path for said, path in pairs if said.split(" ")[1] == "160000")

    def changed_files(self, base: str) -> tuple[str, ...]:
        """Paths that differ between `base` and the worktree as it stands, untracked ones included."""
        tracked = self.git("diff", "--name-only", "-z", "--no-renames", base)
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
        done: subprocess.CompletedProcess[bytes] = call.run(
            self.place, ("cat-file", "blob", named), env=env, text=False
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
        with self.scratch_index() as env:
            self.git("update-index", "--add", "-z", "--index-info", stdin="".join(lines), env=env)
            return self.git("write-tree", env=env)

    @contextmanager
    def scratch_index(self, known: bytes = b"") -> Iterator[dict[str, str]]:
        """The environment of git commands that use an index of their own, `known` at first and gone afterwards."""
        import tempfile  # only whoever dispatches needs it

        # Not in git's folder: an agent could have put a link there, and git would write through it.
        with tempfile.TemporaryDirectory(prefix="correctless-", ignore_cleanup_errors=True) as folder:
            index = os.path.join(folder, "index")
            if known:
                replace_file(index, known, mode=0o600, durable=False)
            yield {"GIT_INDEX_FILE": index}

    def patch_since(self, base: str, *, but: Sequence[str] = ()) -> bytes:
        """Everything between `base` and the worktree as one binary patch, untracked files included and `but` left out; the index keeps."""
        tree = self._tree(base)
        done: subprocess.CompletedProcess[bytes] = call.run(
            self.place,
            ("diff", "--binary", base, tree, "--", ".", *(f":(exclude,literal){path}" for path in but)),
            text=False,
        )
        if done.returncode != 0:
            raise Stop(
                exits.REFUSED, f"what {self.top} holds can't be kept as a patch. see git diff {base[:12]}"
            )
        return done.stdout

    def left(self) -> str:
        """`commit:tree` of what is here now: HEAD, and the worktree with its untracked files but not the ignored ones."""
        head = self.head()
        return f"{head}:{self._tree(head)}"

    def _tree(self, base: str) -> str:
        # A scratch index: the agent's staged state stays as it is for whoever looks afterwards.
        with self.scratch_index() as env:
            self.git("read-tree", base, env=env)
            self.stage(env=env)
            return self.git("write-tree", env=env)

    def reset_to(self, commit: str) -> None:
        """Branch, index and worktree as in `commit`; untracked files go, ignored ones are never deleted."""
        # Twice: where a link stood in place of a folder, the first one leaves the files below it out.
        reset = ("reset", "--hard", "--quiet", commit)
        for words in (reset, ("clean", "--force", "-d", "--quiet"), reset):
            done = self.try_git(*words)
            if done.returncode != 0:
                raise Stop(
                    exits.REFUSED,
                    f"{self.top} can't be reset to {commit[:12]}: {_said(done)}. let that be written and removed "
                    "(chmod u+rwX, chattr -i), then continue with: correctless cauto resume",
                )

    def trailers(self, commit: str) -> dict[str, str]:
        """The trailers of one commit's message; of a repeated one the last."""
        out = self.git("log", "-1", "--format=%(trailers:only,unfold)", commit)
        return dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Tell whether a commit is another's ancestor, or the same."""
        return self.try_git("merge-base", "--is-ancestor", older, newer).returncode == 0

    def remote_url(self, remote: str) -> str | None:
        """The configured URL as written, before any insteadOf."""
        done = self.try_git("config", "--get", f"remote.{remote}.url")
        return done.stdout.strip() or None if done.returncode == 0 else None

    def scoped_configuration(self) -> tuple[tuple[str, str], ...]:
        """Return each setting git lists here: its scope, and its key, a newline and its value."""
        items = self.try_git("config", "--list", "--null", "--show-scope").stdout.split("\0")
        return tuple(zip(items[::2], items[1::2], strict=False))

    def configuration(self, scoped: Sequence[tuple[str, str]] | None = None) -> dict[str, str]:
        """git's configuration as it counts here, without what our calls set: key in lower case -> value, of a repeated key a line each.

        With what its conditional includes would bring elsewhere. `scoped` is `scoped_configuration()`, where that is known.
        """
        found: dict[str, str] = {}
        files: list[tuple[str, ...]] = [()]
        for file in files:  # grows by what conditions name
            if file:
                listed = self.try_git("config", *file, "--includes", "--list", "-z").stdout.split("\0")
            else:
                listed = [item for _, item in (self.scoped_configuration() if scoped is None else scoped)]
            for item in listed:
                name, _, value = item.partition("\n")
                key = name.lower()
                if not key or (key, value) in call.OURS:
                    continue
                found[key] = f"{found[key]}\n{value}" if key in found else value
                if key.startswith("includeif.") and len(files) < _CONDITIONAL:
                    path = os.path.join(os.path.expanduser("~"), os.path.expanduser(value))
                    if os.path.isfile(path) and ("--file", path) not in files:
                        files.append(("--file", path))
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
                found[value.removeprefix(_HEADS)] = place
        return found

    def default_branch(self, remote: str) -> str | None:
        """The remote's default branch as last fetched, without the remote's name."""
        done = self.try_git("symbolic-ref", "--quiet", f"refs/remotes/{remote}/HEAD")
        return (
            done.stdout.strip().removeprefix(f"refs/remotes/{remote}/") or None
            if done.returncode == 0
            else None
        )


def push_urls(configuration: Mapping[str, str]) -> tuple[str, ...]:
    """Return the addresses that remotes have for pushing alone, of what `Repo.configuration` returned."""
    return tuple(
        url
        for key, value in configuration.items()
        if key.startswith("remote.") and key.endswith(".pushurl")
        for url in value.split("\n")
    )


_CONDITIONAL = 20  # files of conditional includes that are looked into


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """git's own first line, as far as a person reads it: it names paths, and those can be of any length."""
    said = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[0]
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


_LONGEST = 300
_HEADS = "refs/heads/"
_PLACES = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")


def find(cwd: str) -> Repo:
    """The repository `cwd` lies in; `Stop(3)` when there is none, or when it is bare without a worktree."""
    done = call.run(GitPlace(cwd), ("rev-parse", *_PLACES))
    lines = done.stdout.splitlines()
    if "dubious ownership" in done.stderr:
        path = done.stderr.partition(" at '")[2].partition("'")[0] or cwd
        raise Stop(
            exits.REFUSED,
            f"git works in no repository that belongs to another user, and {path} does. if you trust it: "
            f"git config --global --add safe.directory {shlex.quote(path)}",
        )
    if done.returncode != 0 or len(lines) != len(_PLACES):
        raise Stop(
            exits.REFUSED,
            f"{cwd} is not in a git worktree. change into your repository, or run git init first",
        )
    return _repo(cwd, lines)


def find_on_branch(cwd: str) -> tuple[Repo, str | None]:
    """What `find` returns, and the branch it is on where the same call of git tells."""
    done = call.run(GitPlace(cwd), ("rev-parse", *_PLACES, "--symbolic-full-name", "HEAD"))
    *lines, ref = done.stdout.splitlines() or [""]
    # Before the first commit, on no branch, or beside a tag of the name HEAD this call names no branch.
    if done.returncode != 0 or len(lines) != len(_PLACES) or not ref.startswith(_HEADS):
        return find(cwd), None
    return _repo(cwd, lines), ref.removeprefix(_HEADS)


def _repo(cwd: str, lines: Sequence[str]) -> Repo:
    top, git_dir, common = (os.path.realpath(os.path.join(cwd, line)) for line in lines)
    # What git calls the worktree is what configuration says (core.worktree): any folder of the machine, which a reset would wipe.
    if dot_git(top) != git_dir:
        raise Stop(
            exits.REFUSED,
            f"the git configuration in {git_dir} names {top} as its worktree, which has another .git or none. "
            "see git config core.worktree, and unset it",
        )
    # A submodule's common folder is <super>/.git/modules/<name>, a bare repository's is <name>.git: there the logs
    # stay under the top folder git names; else under the main worktree, which `git worktree remove` can't take.
    home = os.path.dirname(common) if os.path.basename(common) == ".git" else top
    return Repo(top=top, git_dir=git_dir, common_dir=common, home=home)


def dot_git(top: str) -> str | None:
    """The git folder the `.git` in a folder is or leads to, by its real path; None where there is none."""
    path = os.path.join(top, ".git")
    if os.path.isdir(path):
        return os.path.realpath(path)
    try:
        with open(open_plain(path, follow=True), "rb") as file:
            said = os.fsdecode(file.read(1 << 14))
    except OSError:
        return None
    if not said.startswith("gitdir: "):
        return None
    return os.path.realpath(os.path.join(top, said.removeprefix("gitdir: ").rstrip("\r\n")))
