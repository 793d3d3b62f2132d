"""Reasons to deny a shell command."""

from __future__ import annotations

from correctless.guard import known, publishing, where
from correctless.guard.context import PROTECTED, SETTINGS, TYPED_ANSWER
from correctless.guard.program import SHELLS, Program, program_of, scripts
from correctless.guard.shell import UnreadableError, Word, pipelines
from correctless.guard.spoken import is_answer, is_confirming, is_mentioned

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from correctless.guard.context import CallContext
    from correctless.guard.shell import Simple

_REMOVERS = frozenset(("rm", "rmdir", "mv", "unlink", "shred", "trash", "srm", "rename"))

CONFIRMING = "this confirms, approves or grants, which only the operator may do, in a terminal outside Claude Code. show them the command"
CLEANING = "git clean with -x would remove the logs of an active run. leave -x out"
HOOKS = "git's hooks and settings must not change while a run or a run contract is active"
UNREAD = "this command names something guarded and can't be read ({}). write it in a plainer way"


def denial(text: str, context: CallContext) -> str | None:
    """Return why a command is denied, None when it may run."""
    try:
        commands = pipelines(text)
        return _Look(context).at(commands, 0)
    except UnreadableError as error:
        flat = text.replace("'", "").replace('"', "").replace("\\", "")
        guarded = (
            is_mentioned(flat)
            or where.ARTIFACTS in flat
            or (context.under_way and ("push" in flat or "gh" in flat))
        )
        return UNREAD.format(error) if guarded else None


class _Look:
    """One command, read from left to right: its current folder, and whether a variable may hold a guarded path."""

    def __init__(self, context: CallContext) -> None:
        self.context = context
        self.cwd = context.cwd
        self.tainted = False

    def at(self, commands: list[list[Simple]], depth: int) -> str | None:
        if depth > 8:
            raise UnreadableError("it is too deep")
        for pipeline in commands:
            parts = [program_of(simple) for simple in pipeline]
            reason = self._confirming(parts) or self._protected(parts)
            if reason:
                return reason
            for part in parts:
                reason = self._under_way(part)
                if reason:
                    return reason
                for inner in scripts(part):
                    reason = self.at(inner, depth + 1)
                    if reason:
                        return reason
                self._moved(part)
        return None

    # -- answers that only you may give

    def _confirming(self, parts: list[Program]) -> str | None:
        for part in parts:
            ours = known.our_arguments(part)
            if ours is not None and is_confirming(
                [word.text for word in ours], [word.dynamic for word in ours]
            ):
                return CONFIRMING
        # Text that is printed or searched is only text; any other program may run or send the text it gets.
        handed = [part for part in parts if known.our_arguments(part) is None and not known.opens(part)]
        if all(known.is_text(part) for part in parts):
            return None
        return (
            CONFIRMING
            if is_mentioned("\n".join(part.text for part in (handed if len(parts) == 1 else parts)))
            else None
        )

    # -- what only the program writes

    def _protected(self, parts: list[Program]) -> str | None:
        named = ""
        for part in parts:
            for word in part.targets:
                if self._is_protected(word) or (self.tainted and "$" in word.text):
                    return PROTECTED.format(word.text)
            hit = self._names_protected(part)
            if hit and not self._only_reads(part):
                return PROTECTED.format(hit)
            if part.name in _REMOVERS or (part.name == "find" and known.acts(part)):
                for word in part.words:
                    if not word.text.startswith("-") and where.holds_protected(
                        word.text, self.cwd, self.context.env
                    ):
                        return PROTECTED.format(word.text)
            if (
                named
                and (part.piped or part.name in SHELLS or known.reads_program(part))
                and not self._only_reads(part)
            ):
                return PROTECTED.format(named)
            named = named or hit
        return None

    def _names_protected(self, part: Program) -> str:
        for word in (*part.words, *part.assigned):
            if self._is_protected(word) or (self.tainted and "$" in word.text):
                return word.text
        for text in (*(word.text for word in part.words), part.input):
            if known.mentions(text):
                return where.OURS + "/" + where.ARTIFACTS
        return ""

    def _is_protected(self, word: Word) -> bool:
        text = word.text.partition("=")[2] if "=" in word.text else word.text
        return where.is_protected(text, self.cwd, self.context.env) or known.mentions(word.text)

    def _only_reads(self, part: Program) -> bool:
        texts = [word.text for word in part.words]
        if known.our_arguments(part) is not None or part.name == "":
            return True  # our own commands are the way in; an assignment writes nothing
        if part.name == "git":
            return known.git_verb(texts) in known.GIT_READS
        if part.name == "gh":
            return bool(texts) and texts[0] in known.GH_TEXT
        if part.name == "cp":
            # from the logs to somewhere else is a reading
            return not self._is_protected(part.words[-1]) and not any(
                text.startswith(("-t", "--target")) for text in texts
            )
        if part.name == "find":
            return not known.acts(part)
        if part.name == "sed":
            writes = any(
                text.startswith(("-i", "--in-place"))
                or (text.startswith("-") and text[1:2] != "-" and "i" in text)
                for text in texts
            )
            return not writes and not any(known.mentions(text) and known.is_script(text) for text in texts)
        if part.name in ("awk", "gawk"):
            return (
                not any(">" in text or "system" in text or "|" in text for text in texts)
                and "inplace" not in texts
            )
        if part.name == "sort":
            return not any(text.startswith(("-o", "--output")) for text in texts)
        if part.name in ("yq", "jq"):
            return not any(text.startswith(("-i", "--in")) for text in texts)
        return part.name in known.READERS

    # -- only while a run or a contract is under way

    def _under_way(self, part: Program) -> str | None:
        context = self.context
        for word in part.targets:
            if self._is_fixed(word.text):
                return SETTINGS.format(word.text)
        if part.name == "cp" or not self._only_reads(part):
            for word in part.words[-1:] if part.name == "cp" else part.words:
                if word.text and not word.text.startswith("-") and self._is_fixed(word.text):
                    return SETTINGS.format(word.text)
            if part.name not in ("git", "gh") and known.mentions_settings(part.text) and context.under_way:
                return SETTINGS.format("what this command names")
        texts = [word.text for word in part.words]
        if part.name == "git":
            verb = known.git_verb(texts)
            if verb == "push" and context.under_way:
                return publishing.push(texts, context)
            if (
                verb == "clean"
                and context.under_way
                and any(
                    text[:1] == "-" and text[:2] != "--" and ("x" in text or "X" in text) for text in texts
                )
            ):
                return CLEANING
            if (
                verb == "config"
                and context.under_way
                and any("hookspath" in text.lower() or "fsmonitor" in text.lower() for text in texts)
            ):
                return HOOKS
        if part.name == "gh" and any(map(is_answer, texts)):  # its comment would be one of yours
            return TYPED_ANSWER
        if part.name == "gh" and context.under_way:
            return publishing.gh(texts, context)
        return None

    def _is_fixed(self, text: str) -> bool:
        context = self.context
        if where.is_settings(text, self.cwd) and context.under_way:
            return True
        return where.is_contract(text, self.cwd) and context.pinned

    # -- from left to right

    def _moved(self, part: Program) -> None:
        if part.name in ("cd", "pushd") and part.words:
            target = part.words[0].text
            self.cwd = next(iter(where.resolved(target, self.cwd)))
        carries = part.name in ("", "for", "export", "local", "declare", "typeset", "readonly", "read", "set")
        if carries and self._names_protected(part):
            self.tainted = True
