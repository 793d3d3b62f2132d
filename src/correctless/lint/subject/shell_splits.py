"""Expansions in a shell command whose value the shell splits into words.

Splitting depends on the place: an argument is split, and the same text in quotes, in an assignment, in `[[ ]]` or in the word of
`case` is not. So the whole command is read as a shell does, and of one that this reader does not know entirely nothing is reported.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

from correctless.base.lazy_re import lazily

_MAX_DEPTH = 20

# Most commands have each expansion in double quotes, and nothing else to read.
_QUOTED = lazily(r"(?:[^\"'`\\$]|\"[^\"`\\$]*(?:\$\{\w+\}[^\"`\\$]*)*\")*\Z")

_ENDS = " \t\n;&|()<>"
_BLANKS = lazily(r"(?:[ \t]|\\\n)*")
_SPACE = lazily(r"(?:\s|\\\n|#.*)*")  # where a command does not end with its line
_COMMENT = lazily(r"#.*")
_REDIRECTION = lazily(r"(?:[0-9]+|\{\w+\})?(?P<sign>&>>?|<<<|<<-?|<>|>>|>\||[<>]&?)(?!\()")
_DELIMITER = lazily(r"[ \t]*(?:'([^'\n]+)'|\"([^\"\n$`\\]+)\"|(\\?[\w.,:%+=/-]+))(?![^\s;&|()<>])")
_OPERATOR = lazily(r"\|[|&]?|&&?|;")
_CASE_ITEM_END = lazily(r";;&?|;&")
_ARITHMETIC = lazily(r"\$?\(\((?:[^()'\"`\\$]|\$\w|\([^()'\"`\\]*\))*\)\)")
_ASSIGNMENT = lazily(r"[A-Za-z_]\w*(?:\[\w*\])?\+?=")
_VARIABLE = lazily(r"\$[A-Za-z_]\w*", re.ASCII)
_ANSI_TEXT = lazily(r"\$'(?:[^'\\]|\\.)*'", re.DOTALL)
_BACKTICKS = lazily(r"`((?:[^`\\]|\\.)*)`", re.DOTALL)
_LOOP_NAME = lazily(r"[ \t]+\w+(?=[\s;])")
_IN = lazily(r"[ \t]+in(?=[\s;])")
_CASE_IN = lazily(r"in(?=\s)")
_FUNCTION = lazily(r"[ \t]+[\w.:-]+(?:[ \t]*\([ \t]*\))?")
_PARENTHESES = lazily(r"[ \t]*\([ \t]*\)")
_TEST_END = lazily(r"\]\](?![^\s;&|()<>])")
_ESAC = lazily(r"esac(?![^\s;&|()<>])")
_RESERVED = ("if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}", "!", "time")
# What behind these looks like an assignment is one in bash, and an argument in other shells.
_DECLARING = ("alias", "builtin", "command", "declare", "export", "local", "readonly", "typeset")

# Where in a simple command the next word is.
_START, _ARGUMENTS, _DECLARATIONS = "start", "arguments", "declarations"


class _UnknownError(ValueError):
    """A construction that this reader does not know."""


def split_expansions(command: str) -> list[str]:
    """Return each `$NAME` and `${...}` that is split; none where something in the command is unknown."""
    if _QUOTED.match(command):
        return []
    try:
        return list(_SplitReader(command).commands(""))
    except _UnknownError:
        return []


class _SplitReader:
    def __init__(self, text: str, depth: int = 0) -> None:
        self.text = text
        self.depth = depth
        self.at = 0
        # Of each here-document that begins behind this line: its end, whether tabs may precede it, whether it is literal.
        self.documents: list[tuple[str, bool, bool]] = []

    def commands(self, end: str) -> Iterator[str]:
        """Read to the text's end, or to the `)` or `;;` that ends the list of commands; `esac` ends it too and is left."""
        self._enter()
        place = _START
        while True:
            self._take(_BLANKS)
            char = self._peek()
            if char in ("", ")"):
                self._expect(char == end)
                self.at += len(char)
                break
            if char == "\n":
                self.at += 1
                yield from self._documents()
                place = _START
            elif self._take(_COMMENT):
                continue
            elif redirection := self._take(_REDIRECTION):
                yield from self._target(redirection["sign"])
            elif self._take(_CASE_ITEM_END):
                self._expect(end == ";;")
                break
            elif self._take(_OPERATOR):
                place = _START
            elif char == "(":
                self._expect(place == _START)
                yield from self._parenthesis()
                place = _ARGUMENTS
            elif end == ";;" and place == _START and _ESAC.match(self.text, self.at):
                break
            else:
                place = yield from self._next_word(place)
        self.depth -= 1

    def _next_word(self, place: str) -> Generator[str, None, str]:
        """Read one word, and all of `case` and `[[`; return where the next one is."""
        if place != _ARGUMENTS and self._take(_ASSIGNMENT):
            yield from self._array() if self._peek() == "(" else self._word(split=False)
            return place
        start = self.at
        yield from self._word()
        word = self.text[start : self.at]
        if place != _START:
            return place
        if word in _RESERVED:
            return _START
        if word == "case":
            yield from self._case()
        elif word == "[[":
            yield from self._test()
        elif word in ("for", "select"):
            if self._take(_LOOP_NAME):
                return _ARGUMENTS if self._take(_IN) else _START
            self._take(_BLANKS)
            self._require(_ARITHMETIC)  # for ((...))
            return _START
        elif word == "function":
            self._require(_FUNCTION)
            return _START
        elif self._take(_PARENTHESES):
            return _START
        self._expect(word != "coproc")
        return _DECLARATIONS if word in _DECLARING else _ARGUMENTS

    def _word(self, *, split: bool = True, ends: str = _ENDS) -> Iterator[str]:
        while char := self._peek():
            if char in "<>" and char in ends and self.text.startswith("(", self.at + 1):
                self.at += 2
                yield from self.commands(")")
            elif char in ends:
                return
            else:
                yield from self._part(char, split=split)

    def _part(self, char: str, *, split: bool, quoted: bool = False) -> Iterator[str]:
        """Read one character, or the quotes or the expansion that begin with it."""
        if char == "\\":
            self.at += 2
        elif char == "'" and not quoted:
            self.at = self.text.find("'", self.at + 1) + 1
            self._expect(self.at)
        elif char == '"':
            self.at += 1
            yield from self._quoted('"')
        elif char == "`":
            yield from self._backticks(quoted=quoted)
        elif char == "$":
            yield from self._expansion(split=split, quoted=quoted)
        else:
            self.at += 1

    def _quoted(self, end: str) -> Iterator[str]:
        while (char := self._peek()) != end:
            self._expect(char)
            if char == '"':  # in a here-document it is a character as any other
                self.at += 1
            else:
                yield from self._part(char, split=False, quoted=True)
        self.at += len(end)

    def _backticks(self, *, quoted: bool) -> Iterator[str]:
        command = self._require(_BACKTICKS)[1]
        text = re.sub(r"\\([`\\$\"])" if quoted else r"\\([`\\$])", r"\1", command)
        yield from _SplitReader(text, self.depth).commands("")

    def _expansion(self, *, split: bool, quoted: bool) -> Iterator[str]:
        start = self.at
        if self._take(_ARITHMETIC) or (not quoted and self._take(_ANSI_TEXT)):
            return
        following = self.text[start + 1 : start + 3]
        if following.startswith("("):
            # A here-document on the line of a substitution that has lines itself: shells differ.
            self._expect(following != "((" and not self.documents)
            self.at += 2
            yield from self.commands(")")
            self._expect(not self.documents)
            return
        if following.startswith("{"):
            self._enter()
            self.at += 2
            while (char := self._peek()) != "}":
                self._expect(char and not (char == "'" and quoted))
                yield from self._part(char, split=split, quoted=quoted)
            self.at += 1
            self.depth -= 1
        elif not self._take(_VARIABLE):
            self.at += 1
            return
        if split:
            yield self.text[start : self.at]

    def _parenthesis(self) -> Iterator[str]:
        if not self._take(_ARITHMETIC):
            self._expect(not self.text.startswith("((", self.at))
            self.at += 1
            yield from self.commands(")")

    def _array(self) -> Iterator[str]:
        self.at += 1
        while self._space() != ")":
            self._expect(self._peek() != "[")
            yield from self._some_word()
        self.at += 1

    def _test(self) -> Iterator[str]:
        while self._space() and not self._take(_TEST_END):
            yield from self._some_word(split=False, ends=" \t\n")

    def _case(self) -> Iterator[str]:
        self._take(_BLANKS)
        yield from self._some_word(split=False)
        self._space()
        self._require(_CASE_IN)
        while self._space() and not self._take(_ESAC):
            self.at += self._peek() == "("
            while self._peek() != ")":
                self._take(_BLANKS)
                yield from self._some_word(split=False)
                self._take(_BLANKS)
                self._expect(self._peek() in ("|", ")"))
                self.at += self._peek() == "|"
            self.at += 1
            yield from self.commands(";;")

    def _target(self, sign: str) -> Iterator[str]:
        if sign in ("<<", "<<-"):
            single, double, bare = self._require(_DELIMITER).groups("")
            end = single or double or bare.lstrip("\\")
            self.documents.append((end, sign == "<<-", end != bare))
            return
        self._take(_BLANKS)
        yield from self._some_word(split=sign != "<<<")

    def _documents(self) -> Iterator[str]:
        for end, tabs, literal in self.documents:
            tab = r"\t*" if tabs else ""
            last = re.compile(rf"^{tab}{re.escape(end)}$", re.MULTILINE).search(self.text, self.at)
            if last is None:
                raise _UnknownError
            if not literal:
                yield from _SplitReader(self.text[self.at : last.start()], self.depth)._quoted("")
            self.at = last.end() + 1
        self.documents = []

    def _some_word(self, *, split: bool = True, ends: str = _ENDS) -> Iterator[str]:
        start = self.at
        yield from self._word(split=split, ends=ends)
        self._expect(self.at > start)

    def _space(self) -> str:
        """Skip white space and comments where a line's end ends nothing; return the next character, which must exist."""
        skipped = self._take(_SPACE)
        self._expect(self._peek() and not (self.documents and skipped and "\n" in skipped[0]))
        return self._peek()

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def _require(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = self._take(pattern)
        if match is None:
            raise _UnknownError
        return match

    def _enter(self) -> None:
        self.depth += 1
        self._expect(self.depth <= _MAX_DEPTH)

    def _expect(self, condition: object) -> None:
        if not condition:
            raise _UnknownError
