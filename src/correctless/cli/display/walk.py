"""The walk through the decisions that wait: one page each, one answer each, nothing recorded before the end."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from correctless.base.text import counted, duration, one_line, printable
from correctless.cli.display.ask import read_line
from correctless.review import changes
from correctless.review.changes import FileDiff
from correctless.review.coverage import LEAST_DIGITS, names
from correctless.review.pages import LONGEST_NOTE, Draft, DraftAnswer, GateAnswer, Page, Repeat, Verb

_LINES = 24  # lines of patch on a page
_FILES = 6  # that are named on a page
_BACK = ("b", "back")
_SAID: dict[Verb, str] = {"accept": "accepted", "rerun": "run again", "reject": "rejected", "skip": "skipped"}
_VERBS: dict[str, Verb] = {
    **dict.fromkeys(("a", "accept"), "accept"),
    **dict.fromkeys(("r", "rerun", "re-run"), "rerun"),
    **dict.fromkeys(("j", "reject", "no"), "reject"),
    **dict.fromkeys(("s", "skip"), "skip"),
}
_HELP = (
    "a  accept the default that was applied",
    "r  have the step run again, with a note that says what to do instead",
    "j  reject, with a reason: the gate stays closed",
    "s  skip it for now: the gate stays closed",
    "d  show the whole diff of its step",
    "b  back to the decision before",
    "q  quit: your answers are kept, and nothing is recorded",
)


class Pen:
    """A terminal to write on and read lines from: whatever a text has in it, only what one can see is written.

    `plain` for a screen reader: no colour, no columns, no drawn lines.
    """

    def __init__(self, width: int, *, plain: bool) -> None:
        self.plain = plain
        self._console = Console(
            file=sys.stdout, width=width, highlight=False, markup=False, emoji=False, no_color=plain or None
        )

    def line(self, text: str = "", style: str = "") -> None:
        """Write one line."""
        text = printable(text.expandtabs(4))
        bare = text.lstrip(" ")
        if self.plain or not bare:  # a padded empty text is no line at all
            self._console.print(Text(text), soft_wrap=True)
            return
        self._console.print(Padding(Text(bare, style=style), (0, 0, 0, len(text) - len(bare)), expand=False))

    def fields(self, rows: Iterable[tuple[str, str]]) -> None:
        """Write labels and their texts."""
        if self.plain:
            for label, text in rows:
                self.line(f"{label}: {text}")
            return
        grid = Table.grid(padding=(0, 2))
        grid.add_column(min_width=9, style="dim")
        grid.add_column(overflow="fold")
        for label, text in rows:
            grid.add_row(Text(f"  {printable(label)}"), Text(printable(text)))
        self._console.print(grid)

    def ask(self, question: str) -> str | None:
        """Ask for a line; None when the terminal hung up or its user typed Ctrl-D."""
        self.line(question, "bold")
        return read_line()


def answer(
    pages: Sequence[Page],
    draft: Draft,
    digest: str,
    screen: Pen,
    *,
    note: str = "",
    twice: bool = False,
) -> GateAnswer | Repeat | None:
    """Take an answer to each page, then the one that counts for all; None where nothing is to be recorded.

    `twice`: a wrong digest is asked for once more.
    """
    known = {page.key: page for page in pages}
    answers = {
        key: each
        for key, each in draft.load().items()
        # What could run again where you said so may not be able to here.
        if key in known and (each.verb != "rerun" or known[key].again)
    }
    if answers:
        screen.line(f"{len(answers)} of {len(pages)} you have answered before.")
    number = next((n for n, page in enumerate(pages) if page.key not in answers), len(pages))
    while True:
        while number < len(pages):
            moved = _page(pages, number, answers, screen)
            draft.save(answers)
            if moved is None:
                return None
            number = max(number + moved, 0)
        _show_answers(pages, answers, screen)
        verdict = _conclude(pages, answers, digest, screen, note)
        if (
            twice
            and isinstance(verdict, GateAnswer)
            and verdict.confirm
            and not names(verdict.confirm, digest)
        ):
            screen.line(f"'{one_line(verdict.confirm)}' is not their digest. Once more:")
            verdict = _conclude(pages, answers, digest, screen, note)
        if not isinstance(verdict, _Back):
            return verdict
        number -= 1


class _Back:
    """The wish to go back to the last page."""


def _conclude(
    pages: Sequence[Page], answers: Mapping[str, DraftAnswer], digest: str, screen: Pen, note: str
) -> GateAnswer | Repeat | _Back | None:
    said = [(page, answers[page.key]) for page in pages]
    notes = "; ".join(f"{page.name}: {each.note}" for page, each in said if each.note)
    repeated = [page for page, each in said if each.verb == "rerun"]
    if repeated:
        first = max(repeated, key=lambda page: len(page.again))
        typed = _typed(f"Type yes to have {', '.join(first.again)} run again with your notes", screen)
        return Repeat(first.step, notes) if typed == "yes" else _Back() if typed in _BACK else None
    if any(each.verb == "reject" for _, each in said):
        typed = _typed("Type yes to reject", screen)
        return GateAnswer(None, True, notes) if typed == "yes" else _Back() if typed in _BACK else None
    if any(each.verb == "skip" for _, each in said):
        return None
    screen.line()
    screen.line(f"Their digest is {digest[:LEAST_DIGITS]}...", "bold")
    typed = _typed("Type these characters to confirm, no to reject", screen)
    if typed in ("no", "n", "reject"):
        return GateAnswer(None, True, note or one_line(screen.ask("Why?") or "", LONGEST_NOTE))
    return _Back() if typed in _BACK else GateAnswer(typed, False, note) if typed else None


def _typed(question: str, screen: Pen) -> str:
    return (screen.ask(f"{question}, b to go back, or nothing to leave it open") or "").strip().lower()


def _page(
    pages: Sequence[Page],
    number: int,
    answers: dict[str, DraftAnswer],
    screen: Pen,
) -> int | None:
    """Show a page and take its answer; return by how many pages to go on, None where you quit."""
    page = pages[number]
    _show(page, number + 1, len(pages), answers.get(page.key), screen)
    while True:
        typed = screen.ask(_question(page))
        word = (typed or "").strip().lower()
        if typed is None or word in ("q", "quit"):
            return None
        if word in _BACK:
            return -1
        if word in ("d", "diff"):
            _diff(page, (*page.files, *page.others), sys.maxsize, screen)
        elif (said := _answer(word, page, screen)) is not None:
            answers[page.key] = said
            return 1


def _question(page: Page) -> str:
    again = "r run again, " if page.again else ""
    return f"a accept, {again}j reject, s skip, d diff, b back, q quit, ? help"


def _answer(word: str, page: Page, screen: Pen) -> DraftAnswer | None:
    """Return the answer in what was typed; None to ask once more."""
    verb = _VERBS.get(word)
    if verb == "rerun" and not page.again:
        screen.line("its step cannot run again from here: reject it, or start a new run on top", "yellow")
        return None
    if verb is None:
        if word not in ("", "?", "help"):
            screen.line(f"'{one_line(word, 40)}' is none of the answers", "yellow")
        for each in _HELP:
            screen.line(f"  {each}")
        return None
    note = ""
    if verb in ("rerun", "reject"):
        what = "What should it do instead?" if verb == "rerun" else "Why?"
        note = one_line(
            screen.ask(f"{what} One line; nothing to go back to the question.") or "", LONGEST_NOTE
        )
        if not note:
            return None
    return DraftAnswer(verb, note)


def _show(page: Page, number: int, count: int, before: DraftAnswer | None, screen: Pen) -> None:
    screen.line()
    screen.line(f"{number} of {count}: {page.name}", "bold cyan")
    rows = list(page.details)
    if page.files or page.note:
        rows.append(("changed", _named(page)))
    if page.again:
        took = f" (they took {duration(page.seconds)} and ${page.usd:,.2f})"
        rows.append(("a re-run", f"repeats {', '.join(page.again)}{took}"))
    if before is not None:
        rows.append(("you said", " ".join(filter(None, (_SAID[before.verb], before.note)))))
    screen.fields(rows)
    _diff(page, page.files, _LINES, screen)


def _named(page: Page) -> str:
    named = [f"{one_line(each.path)} ({_counts(each)})" for each in page.files[:_FILES]]
    more = len(page.files) - len(named) + len(page.others)
    files = ", ".join(named) + (
        f" and {counted(more, 'further file')} of {one_line(page.step)}" if more else ""
    )
    return "; ".join(filter(None, (files, page.note)))


def _counts(change: FileDiff) -> str:
    return change.note or f"+{change.added} -{change.removed}"


def _diff(page: Page, files: Sequence[FileDiff], most: int, screen: Pen) -> None:
    """Write changes of some files, at most `most` lines of them; a model wrote them."""
    shown = changes.first(files, most)
    for each in shown:
        screen.line()
        screen.line(f"  {one_line(each.path)}", "bold")
        for hunk in each.hunks:
            screen.line(f"  @@ line {hunk.new} {one_line(hunk.section)}".rstrip(), "dim")
            for line in hunk.lines:
                screen.line(f"  {line.mark}{line.text}", _STYLES.get(line.mark, ""))
        if each.remark:
            screen.line(f"  {each.remark}", "dim")
    whole = most != _LINES
    cut = len(shown) < len(files) or any(each.lines < each.total for each in shown)
    if cut or (any(each.note for each in shown) if whole else page.others):
        rest = f"see the rest with: git diff {page.commits}" if whole else "d shows more"
        screen.line(f"  {rest}", "dim")


_STYLES = {"+": "green", "-": "red"}


def _show_answers(pages: Sequence[Page], answers: Mapping[str, DraftAnswer], screen: Pen) -> None:
    """Write what you answered, a line for each decision."""
    screen.line()
    screen.line("Your answers", "bold")
    for page in pages:
        answer = answers[page.key]
        note = f": {answer.note}" if answer.note else ""
        screen.line(f"  {_SAID[answer.verb]:<9} {page.name}{note}")
