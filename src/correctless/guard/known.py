"""Facts about programs and their arguments: only reads, runs a text, or is one of our own commands."""

from __future__ import annotations

from correctless.guard import where
from correctless.guard.program import SHELLS, Program, scripts
from correctless.guard.shell import UnreadableError, Word

# They only read and print: their arguments are only text.
READERS = frozenset(
    (
        *("echo", "printf", "cat", "head", "tail", "less", "more", "bat", "nl", "tac", "wc", "ls", "ll"),
        *("tree", "stat", "file", "grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack", "jq", "yq", "cut"),
        *("tr", "uniq", "column", "fold", "rev", "comm", "diff", "cmp", "sort", "awk", "gawk", "sed", "od"),
        *("xxd", "hexdump", "strings", "base64", "sha256sum", "shasum", "md5sum", "md5", "cksum", "du"),
        *("df", "test", "[", "[[", "true", "false", ":", "cd", "pushd", "popd", "pwd", "which", "type"),
        *("man", "basename", "dirname", "realpath", "readlink", "date", "sleep", "wait", "exit", "return"),
        *("export", "local", "declare", "typeset", "readonly", "unset", "set", "read", "for", "case"),
        *("select", "let", "seq", "expr"),
    )
)
GIT_READS = frozenset(
    (
        *("log", "show", "diff", "status", "grep", "blame", "shortlog", "describe", "rev-parse"),
        *("rev-list", "ls-files", "ls-tree", "cat-file", "check-ignore", "commit", "tag", "notes"),
        *("branch", "for-each-ref", "hash-object", "name-rev", "merge-base"),
    )
)
GH_TEXT = ("issue", "pr", "release", "search", "repo", "run", "workflow", "label", "gist")
_OURS = ("correctless", "cauto")
_INTERPRETERS = frozenset(
    ("python", "perl", "ruby", "node", "php", "lua", "osascript", "deno", "bun", "tclsh", "expect")
)


def our_arguments(part: Program) -> list[Word] | None:
    """Return the arguments of our own program, as if it were called `correctless`; None for another program."""
    if part.name == "correctless":
        return part.words
    if part.name == "cauto":
        return [Word("cauto", False), *part.words]
    if is_python(part.name):
        texts = [word.text for word in part.words]
        for at, text in enumerate(texts):
            if text == "-m" and texts[at + 1 : at + 2] == ["correctless"]:
                return part.words[at + 2 :]
            if text.endswith("correctless/__main__.py"):
                return part.words[at + 1 :]
            if not text.startswith("-"):
                break
    if part.name in SHELLS and part.words and part.words[0].text.rsplit("/", 1)[-1] in _OURS:
        inner = part.words[1:]
        return inner if part.words[0].text.endswith("correctless") else [Word("cauto", False), *inner]
    return None


def is_text(part: Program) -> bool:
    """Return whether a program only prints or searches its arguments."""
    texts = [word.text for word in part.words]
    if part.name == "git":
        return git_verb(texts) in (*GIT_READS, "add", "push", "fetch", "checkout", "switch")
    if part.name == "gh":
        return bool(texts) and texts[0] in GH_TEXT
    return (
        part.name in READERS
        or part.name in ("", "tee", "mkdir", "touch", "cp", "mv", "rm")
        or our_arguments(part) is not None
    )


def opens(part: Program) -> bool:
    """Return whether its text is a command, which is judged by itself."""
    try:
        return part.name in (*SHELLS, "eval", "find") and any(True for _ in scripts(part))
    except UnreadableError:
        return False


def git_verb(texts: list[str]) -> str:
    """Return the subcommand of `git TEXTS`, "" when missing."""
    at = 0
    while at < len(texts):
        if texts[at] in ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path"):
            at += 2
        elif texts[at].startswith("-"):
            at += 1
        else:
            return texts[at]
    return ""


def acts(part: Program) -> bool:
    """Return whether `find` does more with the files than print or read them."""
    texts = [word.text for word in part.words]
    if any(text in ("-delete", "-fprint", "-fprintf", "-fls") for text in texts):
        return True
    runs = [
        texts[at + 1] for at, text in enumerate(texts[:-1]) if text in ("-exec", "-execdir", "-ok", "-okdir")
    ]
    return any(name.rsplit("/", 1)[-1] not in READERS for name in runs)


def reads_program(part: Program) -> bool:
    """Return whether an interpreter runs what it reads from the pipe."""
    if not is_interpreter(part.name):
        return False
    plain = [word.text for word in part.words if not word.text.startswith("-") or word.text == "-"]
    own_text = any(word.text in ("-c", "-e", "-m", "-E", "-r") for word in part.words)
    return not own_text and plain in ([], ["-"])


def is_interpreter(name: str) -> bool:
    """Return whether a program runs texts, whatever its version."""
    return name.rstrip("0123456789.") in _INTERPRETERS


def is_python(name: str) -> bool:
    """Return whether a program is Python, whatever its version."""
    return name.rstrip("0123456789.") in ("python", "pypy")


def is_script(text: str) -> bool:
    """Return whether an argument of sed may write a file."""
    return any(mark in text for mark in " {};") or text.startswith(("w", "W"))


def mentions(text: str) -> bool:
    """Return whether a text names the logs, also in several parts."""
    lowered = text.lower()
    return "autonomous-decisions-" in lowered or (where.OURS in lowered and where.ARTIFACTS in lowered)


def mentions_settings(text: str) -> bool:
    """Return whether a text names hooks or settings of the client or of git."""
    return any(
        name in text for name in (".claude/settings", ".git/hooks/", "hooks/hooks.json", ".claude/hooks")
    )
