"""Program that a simple command runs in the end, without wrappers such as `env`."""

from __future__ import annotations

from correctless.guard.shell import Simple, UnreadableError, Word, pipelines

TYPE_CHECKING = False  # see shell
if TYPE_CHECKING:
    from collections.abc import Iterator

SHELLS = frozenset(("sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "mksh"))
# Programs that run the rest of their words, each with its options that take a value.
_WRAPPERS: dict[str, tuple[str, ...]] = {
    "env": ("-u", "--unset", "-C", "--chdir"),
    "sudo": ("-u", "-g", "-h", "-p", "-C", "-T", "-D"),
    "doas": ("-u", "-C"),
    "nohup": (),
    "nice": ("-n",),
    "ionice": ("-c", "-n"),
    "timeout": ("-s", "-k"),
    "gtimeout": ("-s", "-k"),
    "time": ("-f", "-o"),
    "command": (),
    "exec": ("-a",),
    "builtin": (),
    "setsid": (),
    "stdbuf": ("-i", "-o", "-e"),
    "xargs": ("-I", "-n", "-P", "-L", "-d", "-s", "-a", "-E"),
    "caffeinate": ("-t", "-w"),
    "unbuffer": (),
    "chronic": (),
    "busybox": (),
    "noglob": (),
    "nocorrect": (),
}
_DURATIONS = ("timeout", "gtimeout")  # their first plain word is not a program


class Program:
    """A program: its name without folders, its arguments, its input, and the files it writes output to."""

    __slots__ = ("assigned", "input", "name", "path", "piped", "targets", "words")

    def __init__(self, words: list[Word], simple: Simple, assigned: list[Word], piped: bool) -> None:
        self.path = words[0].text if words else ""
        self.name = self.path.rsplit("/", 1)[-1]
        self.words = words[1:]
        self.targets = simple.targets
        self.input = "\n".join(simple.inputs)
        self.assigned = assigned
        self.piped = piped  # its words come, at least in part, from the program before it (xargs)

    @property
    def text(self) -> str:
        """All of it in one line, to search for names in it."""
        words = (word.text for word in (*self.assigned, *self.words))
        return " ".join((self.path, *words, self.input))


def program_of(simple: Simple) -> Program:
    """Return the program of a simple command; its name is "" for an assignment or a redirection alone."""
    words = list(simple.words)
    assigned: list[Word] = []
    piped = False
    while words:
        while words and _is_assignment(words[0].text):
            assigned.append(words.pop(0))
        if not words:
            break
        name = words[0].text.rsplit("/", 1)[-1]
        if name not in _WRAPPERS or words[0].dynamic:
            break
        rest = _behind(name, words[1:])
        if not rest:
            break
        piped = piped or name == "xargs"
        words = rest
    return Program(words, simple, assigned, piped)


def scripts(program: Program) -> Iterator[list[list[Simple]]]:
    """Yield the commands in a text that a program runs (`sh -c TEXT`, `eval`).

    Raises: UnreadableError.
    """
    texts = [word.text for word in program.words]
    if program.name in SHELLS:
        for at, text in enumerate(texts):
            if text.startswith("-") and not text.startswith("--") and "c" in text:
                yield pipelines(" ".join(texts[at + 1 : at + 2]), 1)
                return
        if program.input:
            yield pipelines(program.input, 1)
    elif program.name == "eval":
        yield pipelines(" ".join(texts), 1)
    elif program.name in ("script", "su", "watch", "ssh", "flock"):
        # for these a word with blanks is the text of a command
        for text in texts:
            if " " in text:
                yield pipelines(text, 1)
    elif program.name == "find":
        for mark in ("-exec", "-execdir", "-ok", "-okdir"):
            if mark in texts:
                inner = program.words[texts.index(mark) + 1 :]
                yield [[Simple([word for word in inner if word.text not in (";", "+")], [], [])]]


def _behind(name: str, words: list[Word]) -> list[Word]:
    """Return the words after a wrapper's own options."""
    takes = _WRAPPERS[name]
    while words and words[0].text.startswith("-") and words[0].text != "-":
        option = words.pop(0).text
        if option == "--":
            break
        if name == "env" and option in ("-S", "--split-string") and words:
            # one word that is a command line of its own
            pipelines_read = pipelines(words.pop(0).text, 1)
            if len(pipelines_read) != 1 or len(pipelines_read[0]) != 1:
                raise UnreadableError("env -S holds more than one command")
            return [*pipelines_read[0][0].words, *words]
        if option in takes and words:
            words.pop(0)
    if name in _DURATIONS and words:
        words.pop(0)
    return words


def _is_assignment(text: str) -> bool:
    name, sign, _ = text.partition("=")
    return bool(sign) and name.rstrip("+").isidentifier()
