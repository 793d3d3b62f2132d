"""Parser for the simple commands of a shell text, pipeline by pipeline, with those of its substitutions."""

from __future__ import annotations

TYPE_CHECKING = False  # typing costs 3 ms to import, and this is run before each tool call
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 200000  # characters; a longer text is refused unread
_DEEP = 20
_RESERVED = frozenset(
    (
        *("if", "then", "else", "elif", "fi", "while", "until", "do", "done", "esac", "function", "!", "{"),
        *("}", "time", "coproc"),
    )
)
_BLANKS = " \t\r"
_ENDS = ";&|()\n"


class UnreadableError(ValueError):
    """Text that is not a complete command, or too large or too deep to be read."""


class Word:
    """One word without its quotes; `dynamic` when its value is known only when it runs."""

    __slots__ = ("dynamic", "text")

    def __init__(self, text: str, dynamic: bool) -> None:
        self.text = text
        self.dynamic = dynamic


class Simple:
    """One program with its words, the files it writes output to, and the texts on its standard input."""

    __slots__ = ("inputs", "targets", "words")

    def __init__(self, words: list[Word], targets: list[Word], inputs: list[str]) -> None:
        self.words = words
        self.targets = targets
        self.inputs = inputs


def pipelines(text: str, depth: int = 0) -> list[list[Simple]]:
    """Return every pipeline of a command in order, those inside `$(...)`, backticks and `<(...)` included.

    Raises: UnreadableError.
    """
    if len(text) > _MOST or depth > _DEEP:
        raise UnreadableError("it is too large or too deep")
    return _ShellReader(text, depth).all()


class _ShellReader:
    def __init__(self, text: str, depth: int) -> None:
        self.text = text.replace("\\\r\n", "").replace("\\\n", "")
        self.depth = depth
        self.at = 0
        self.collected: list[list[Simple]] = []
        self.simple: list[Simple] = []  # of the pipeline under way
        self.heredocs: list[tuple[str, bool, list[str]]] = []

    def all(self) -> list[list[Simple]]:
        while self.at < len(self.text):
            self._command()
        self._bodies()
        self._end_pipeline()
        return self.collected

    def _peek(self, size: int = 1) -> str:
        return self.text[self.at : self.at + size]

    def _command(self) -> None:
        words: list[Word] = []
        targets: list[Word] = []
        inputs: list[str] = []
        while self.at < len(self.text):
            char = self._peek()
            if char in _BLANKS:
                self.at += 1
            elif char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self._redirection(targets, inputs):
                continue
            elif char in _ENDS:
                break
            else:
                word = self._word()
                if words or word.text not in _RESERVED or word.dynamic:
                    words.append(word)
        if words or targets or inputs:
            self.simple.append(Simple(words, targets, inputs))
        self._operator()

    def _operator(self) -> None:
        two, one = self._peek(2), self._peek()
        if two == "|&" or (one == "|" and two != "||"):
            self.at += len(two) if two == "|&" else 1
            return
        if two in ("&&", "||", ";;", ";&"):
            self.at += 2
        elif one == "\n":
            self.at += 1
            self._bodies()
        else:
            self.at += 1
        self._end_pipeline()

    def _end_pipeline(self) -> None:
        if self.heredocs and self.at < len(self.text):
            return  # `cat <<A; next`: the text comes at the end of the line
        if self.simple:
            self.collected.append(self.simple)
            self.simple = []

    def _redirection(self, targets: list[Word], inputs: list[str]) -> bool:
        start = self.at
        while self._peek().isdigit():
            self.at += 1
        if self._peek(2) in ("<(", ">("):  # a file name, not a redirection
            self.at = start
            return False
        for sign in ("&>>", "<<<", "<<-", "&>", "<<", ">>", ">|", "<>", ">&", "<&", ">", "<"):
            if self.text.startswith(sign, self.at):
                break
        else:
            self.at = start
            return False
        self.at += len(sign)
        while self._peek() and self._peek() in _BLANKS:
            self.at += 1
        if sign in ("<<", "<<-"):
            before = self.at
            word = self._word()
            quoted = any(mark in self.text[before : self.at] for mark in "'\"\\")
            self.heredocs.append((word.text, sign == "<<-", inputs))
            if not quoted:
                inputs.append("")
            return True
        word = self._word()
        if sign == "<<<":
            inputs.append(word.text)
        elif ">" in sign and not (sign == ">&" and (word.text.isdigit() or word.text == "-")):
            targets.append(word)
        return True

    def _bodies(self) -> None:
        for mark, tabs, inputs in self.heredocs:
            lines: list[str] = []
            while True:
                if self.at >= len(self.text):
                    break
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                self.at = min(end + 1, len(self.text))
                if (line.lstrip("\t") if tabs else line) == mark:
                    break
                lines.append(line)
            inputs.append("\n".join(lines))
        self.heredocs = []

    def _word(self) -> Word:
        parts: list[str] = []
        dynamic = False
        start = self.at
        while self.at < len(self.text):
            char = self._peek()
            if char in _BLANKS or (char in _ENDS and self._peek(2) not in ("<(", ">(")):
                break
            if char in "<>":
                if self._peek(2) in ("<(", ">("):
                    self.at += 2
                    self._nested(self._until_paren())
                    parts.append("/dev/fd/63")
                    continue
                break
            if char == "'":
                parts.append(self._until("'"))
            elif char == '"':
                self.at += 1
                dynamic = self._double(parts) or dynamic
            elif char == "\\":
                parts.append(self._peek(2)[1:])
                self.at += 2
            elif self._peek(2) == "$'":
                self.at += 1
                parts.append(_ansi(self._ansi_text()))
            elif char in "$`":
                dynamic = self._expansion(parts) or dynamic
            else:
                dynamic = dynamic or char in "*?["
                parts.append(char)
                self.at += 1
        if self.at == start:  # a redirection without a word
            raise UnreadableError("a word is missing")
        return Word("".join(parts), dynamic)

    def _until(self, mark: str) -> str:
        end = self.text.find(mark, self.at + 1)
        if end < 0:
            raise UnreadableError("a quote is not closed")
        quoted = self.text[self.at + 1 : end]
        self.at = end + 1
        return quoted

    def _ansi_text(self) -> str:
        start = self.at = self.at + 1
        while self._peek() != "'":
            if not self._peek():
                raise UnreadableError("a quote is not closed")
            self.at += 2 if self._peek() == "\\" else 1
        self.at += 1
        return self.text[start : self.at - 1]

    def _double(self, parts: list[str]) -> bool:
        dynamic = False
        while True:
            char = self._peek()
            if not char:
                raise UnreadableError("a quote is not closed")
            if char == '"':
                self.at += 1
                return dynamic
            if char == "\\" and self._peek(2)[1:] in ('"', "\\", "$", "`"):
                parts.append(self._peek(2)[1:])
                self.at += 2
            elif char in "$`":
                dynamic = self._expansion(parts) or dynamic
            else:
                parts.append(char)
                self.at += 1

    def _expansion(self, parts: list[str]) -> bool:
        """One `$...` or backtick; whether it was one."""
        if self._peek() == "`":
            self._nested(self._until("`"))
        elif self._peek(2) == "$(":
            self.at += 2
            self._nested(self._until_paren())
        elif self._peek(2) == "${":
            end = self.text.find("}", self.at)
            if end < 0:
                raise UnreadableError("a brace is not closed")
            parts.append(self.text[self.at : end + 1])
            self.at = end + 1
            return True
        else:
            name = self.at + 1
            while name < len(self.text) and (self.text[name].isalnum() or self.text[name] == "_"):
                name += 1
            if name == self.at + 1 and self._peek(2)[1:] and self._peek(2)[1:] in "@*#?-$!":
                name += 1
            parts.append(self.text[self.at : name])
            dynamic = name > self.at + 1
            self.at = name
            return dynamic
        parts.append("$()")
        return True

    def _until_paren(self) -> str:
        """Return the text up to the closing parenthesis, which may not be inside quotes."""
        start, open_ = self.at, 1
        while open_:
            char = self._peek()
            if not char:
                raise UnreadableError("a parenthesis is not closed")
            if char == "'":
                self._until("'")
                continue
            if char == '"':
                self.at += 1
                self._double([])
                continue
            self.at += 2 if char == "\\" else 1
            open_ += {"(": 1, ")": -1}.get(char, 0)
        return self.text[start : self.at - 1]

    def _nested(self, text: str) -> None:
        self.collected.extend(pipelines(text, self.depth + 1))


def _ansi(text: str) -> str:
    """Return the text of `$'...'` with its escapes replaced."""
    return "".join(_unescaped(text))


_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}


def _unescaped(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        if text[at] != "\\" or at + 1 == len(text):
            yield text[at]
            at += 1
            continue
        mark = text[at + 1]
        size = {"x": 2, "u": 4, "U": 8}.get(mark)
        number: int | None = None
        end = at + 2
        if size is not None:
            end = _digits(text, at + 2, size, "0123456789abcdefABCDEF")
            number = int(text[at + 2 : end], 16) if end > at + 2 else None
        elif mark in "01234567":
            end = _digits(text, at + 1, 3, "01234567")
            number = int(text[at + 1 : end], 8)
        if number is not None:
            yield chr(number) if number < 0x110000 else ""
        else:
            yield _LETTERS.get(mark, mark)
        at = end


def _digits(text: str, at: int, most: int, allowed: str) -> int:
    end = at
    while end < len(text) and end < at + most and text[end] in allowed:
        end += 1
    return end
