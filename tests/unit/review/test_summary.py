"""The summary: what a person reads at the end, on a terminal and in a pull request."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import places
from correctless.base.text import printable_lines
from correctless.decisions.decision import Decision
from correctless.review.inert import inert
from correctless.review.summary import Item, SummaryView, counts, markdown, text
from correctless.runlog.state import AttemptCost
from effort import examples

CASES = places.CASES / "summary"

HOSTILE = (
    "fixes #12 @octocat <img src=x onerror=alert(1)> <!-- correctless:end run=r1 -->\n# Heading\n```\n| a | b |\n"
    "![x](https://evil.example/a.png) [y](javascript:z) www.evil.example gh-7 o/r#8 \x1b[31mred\x1b[0m \u202etxt"
)


def made(skill: str, ident: str, applied: str, why: str, **more: object) -> Decision:
    base = Decision(skill, ident, applied, why, "2026-07-01T02:10:00.000Z", False, source="block")
    return replace(base, **more)  # type: ignore[arg-type]


def deferred(skill: str, ident: str, applied: str, why: str, reason: str, **more: object) -> Decision:
    return made(
        skill, ident, applied, why, escalation_deferred=True, original_escalation_reason=reason, **more
    )


FRAMEWORK = made("ctdd", "AD-001", "use pytest", "pyproject.toml configures it and 212 tests use it")
NAMES = made(
    "ctdd",
    "AD-003",
    "prefix helpers with an underscore, unlike their neighbours, because the linter insists on it here",
    "rule N of the linter",
    notes=("differs-from-default",),
)
FLAKY = deferred(
    "ctdd",
    "AD-002",
    "skip it and flag it",
    "test_upload timed out in 2 of 10 runs",
    "only a person knows whether it hides a bug",
    notes=("corrected",),
)
OTHER = deferred(
    "ctdd",
    "AD-UNLISTED-1",
    "deleted the retry loop",
    "it hid errors",
    "no such default in ctdd",
    notes=("unlisted",),
    extra={"claimed_id": "AD-099"},
)
BROKEN = deferred(
    "cverify",
    "AD-UNLISTED-1",
    "",
    "",
    "what the agent recorded here could not be read",
    notes=("damaged",),
    extra={"kept": ".correctless/artifacts/kept/r1/cverify-1-b2.txt", "fault": "it never closes"},
)
HAND = made("cdocs", "AD-001", "keep the old page", "a link from outside", source="cli")
STEPS = (
    AttemptCost("ctdd", 1, "failed", 723, 182_000, 1.234, estimated=False),
    AttemptCost("ctdd", 2, "finished", 4_120, 611_500, 3.5, estimated=True),
    AttemptCost("cverify", 1, "finished", 41, 9_000, 0.1, estimated=False),
)
FULL = SummaryView(
    branch="feature/login",
    run="20260701-a1b2",
    items=(
        Item(FRAMEWORK, 3, open=False),
        Item(NAMES, 4, open=False),
        Item(FLAKY, 5, open=False, confirmed_by="ada (terminal)"),
        Item(OTHER, 6, open=True),
        Item(BROKEN, 7, open=True),
        Item(HAND, 8, open=False),
        Item(FRAMEWORK, 1, open=False, superseded=True),
        Item(OTHER, 2, open=False, superseded=True),
    ),
    steps=STEPS,
    warnings=(
        "no-decisions-reported: cspec lists 3 decision points, its answer reports none and has no block",
    ),
    digest="5f" * 32,
)
EMPTY = SummaryView(branch="feature/x", run=None, items=())


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("full.txt", text(FULL)),
        ("full.md", markdown(FULL)),
        ("empty.txt", text(EMPTY)),
        ("empty.md", markdown(EMPTY)),
    ],
)
def test_the_summary_reads_as_its_case_says(name: str, shown: str) -> None:
    assert shown == (CASES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_only_what_cannot_be_broken_is_wider_than_the_terminal(width: int) -> None:
    body = text(FULL, width=width).splitlines()[:-1]
    wide = [line for line in body if len(line) > width and " " in line.strip() and "Digest" not in line]
    assert wide == [] or width < 60


def test_damaged_and_unlisted_escalations_come_before_listed_ones() -> None:
    for shown in (text(FULL), markdown(FULL)):
        part = shown[shown.index("Deferred escalations") : shown.index("Added by hand")]
        order = [part.index(name) for name in ("in cverify", "claimed", "AD-002")]
        assert order == sorted(order)
        assert "(3, 2 open)" in part


def test_the_last_line_says_what_is_open() -> None:
    for render in (text, markdown):
        assert render(FULL).endswith(
            "2 decisions need your confirmation: ctdd AD-UNLISTED-1, cverify AD-UNLISTED-1\n"
        )
        assert render(EMPTY).endswith("\nNo decision needs your confirmation.\n")
        many = SummaryView(
            "b", None, tuple(Item(replace(OTHER, skill=f"s{n}"), n, open=True) for n in range(9))
        )
        assert re.search(
            r"\n9 decisions need your confirmation: s0 AD-UNLISTED-1, .* and 5 more\n\Z", render(many)
        )


def test_an_open_entry_added_by_hand_is_shown_as_open_and_counted() -> None:
    item = Item(replace(OTHER, source="cli"), 1, open=True)
    view = SummaryView("b", None, (item,))
    assert "Added by hand (1, 1 open)" in text(view)
    assert "AD-UNLISTED-1 in ctdd: needs confirmation" in text(view)
    assert text(view).endswith("1 decision needs your confirmation: ctdd AD-UNLISTED-1\n")
    assert (counts(view)["open"], counts(view)["by_hand"]) == (1, 1)


def test_the_digest_is_shown_only_while_something_is_open() -> None:
    assert f"Digest {'5f' * 32}\n" in text(FULL)
    settled = tuple(replace(item, open=False, confirmed_by="ada") for item in FULL.items)
    assert "Digest" not in text(replace(FULL, items=settled))


def test_superseded_entries_are_one_line_a_skill_and_count_nowhere_else() -> None:
    for shown in (text(FULL), markdown(FULL)):
        assert "ctdd: 2 entries (AD-001, AD-UNLISTED-1)" in shown
    assert counts(FULL) == {
        "decisions": 6,
        "deferred": 3,
        "open": 2,
        "confirmed": 1,
        "unlisted": 2,
        "damaged": 1,
        "by_hand": 1,
        "superseded": 2,
        "warnings": 1,
        "seconds": 4884,
        "tokens": 802_500,
        "cost_usd": 4.834,
        "estimated": True,
    }


def test_a_cost_without_a_result_line_is_marked_and_so_is_its_sum() -> None:
    shown = text(FULL)
    assert re.search(r"ctdd#1 .* \$1\.23$", shown, re.MULTILINE)
    assert re.search(r"ctdd#2 .* ~\$3\.50$", shown, re.MULTILINE)
    assert re.search(r"total .* ~\$4\.83$", shown, re.MULTILINE)


def test_an_entry_of_an_earlier_run_names_its_run() -> None:
    both = [(each, run) for each in (NAMES, OTHER) for run in ("r1", "r2")]
    items = [Item(replace(each, run=run), n, open=each is OTHER) for n, (each, run) in enumerate(both, 1)]
    for shown in (
        text(SummaryView("b", "r2", tuple(items)), 200),
        markdown(SummaryView("b", "r2", tuple(items))),
    ):
        assert (shown.count("of run r1"), shown.count("run: r1") + shown.count("run:       r1")) == (1, 1)
        assert shown.count("r2") == (1 if shown.startswith("Decisions on") else 0)


def test_an_answer_without_a_block_is_told_once_and_its_text_is_named_by_a_path_from_the_top() -> None:
    said = "the answer of ctdd has no decisions block with the nonce"
    none = replace(
        BROKEN,
        notes=("damaged", "unverified"),
        original_escalation_reason=said,
        extra={"kept": "runs/r1/ctdd-1/ctdd-1-b1.txt", "fault": said},
    )
    shown = text(SummaryView(branch="b", run=None, items=(Item(none, 1, open=True),)), 200)
    assert (shown.count(said), "without the attempt's nonce" in shown) == (1, False)
    assert "kept in:   .correctless/artifacts/runs/r1/ctdd-1/ctdd-1-b1.txt\n" in shown


def everywhere(said: str) -> SummaryView:
    entry = deferred(
        said, said, said, said, said, notes=("unlisted", "damaged"), extra={"claimed_id": said, "kept": said}
    )
    return SummaryView(
        branch=said,
        run=said,
        items=(
            Item(entry, 1, open=True),
            Item(made(said, said, said, said, notes=("differs-from-default",)), 2, open=False, listed=said),
            Item(replace(entry, source="cli"), 3, open=False, confirmed_by=said),
            Item(entry, 4, open=False, superseded=True),
        ),
        steps=(AttemptCost(said, 1, said, 1, 1, 1, estimated=False),),
        warnings=(said,),
        digest=said,
    )


any_text = st.text(st.characters()) | st.just(HOSTILE)


@given(any_text)
def test_nothing_reaches_a_terminal_raw(said: str) -> None:
    shown = text(everywhere(said))
    assert all(char == "\n" or char.isprintable() for char in shown)
    assert all(char == "\n" or char.isprintable() for char in printable_lines(said))


def test_printable_keeps_lines_and_spells_out_the_rest() -> None:
    assert printable_lines("a\r\nb\rc\td\u00a0e\n") == "a\nb\nc    d e\n"
    assert printable_lines("\x1b[2J\x00\x9b\u202e\ud800\u2028") == "\\x1b[2J\\x00\\x9b\\u202e\\ud800\\u2028"


# What GitHub acts on wherever it stands in rendered text, whatever escapes stood before it.
ACTIVE = re.compile(
    r"@\w|#\w|gh-\d|://|www\.|mailto:|xmpp:|<[a-zA-Z/!?]",
    re.IGNORECASE,
)
RENDER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "@octocat",
                "fixes #1",
                "closes: o/r#2",
                "resolves https://github.com/o/r/issues/3",
                "GH-4",
                "gh-5",
            ),
            *(
                "<b>",
                "<!--",
                "-->",
                "<script>",
                "&lt;b&gt;",
                "&#64;x",
                "![a](b)",
                "[a](b)",
                "[a]: b",
                "[^1]",
                "<a@b.c>",
            ),
            *(
                "# a",
                "## ",
                "- ",
                "* ",
                "+ ",
                "1. ",
                "2) ",
                "> ",
                "===",
                "---",
                "***",
                "```",
                "~~~",
                "~~a~~",
                "`a`",
            ),
            *(
                "|",
                "| - |",
                "$x$",
                "\\",
                "\\@x",
                "_a_",
                "__a__",
                "*a*",
                "\n",
                "\n\n",
                "\r",
                "    ",
                "\t",
                " ",
            ),
            *(
                "www.a.b",
                "WWW.a.b",
                "mailto:a@b.c",
                "http://a.b",
                "@",
                "#",
                "1",
                "x",
                "\u200b",
                "\u2028",
                "\x1b[0m",
            ),
        ]
    )
    | st.text(st.characters(), max_size=4),
    max_size=12,
).map("".join)


@settings(max_examples=examples(500))
@given(PIECES)
@example("#GH-4")
@example("closes #gh-4#1")
@example("#<a@b.c>")
def test_inert_text_renders_as_itself_and_does_nothing(said: str) -> None:
    line = inert(said)
    assert "\n" not in line
    assert "<!--" not in line
    for wrapped in (line, f"- {line}", f"| {line} | x |\n| --- | --- |"):
        rendered = RENDER.render(wrapped)
        tags = set(re.findall(r"</?([a-z0-9]+)", rendered))
        assert tags <= {"p", "ul", "li", "table", "thead", "tr", "th"}
        shown = html.unescape(re.sub(r"<[^>]*>", "", rendered))
        assert not ACTIVE.search(shown.replace("<", " ")), shown
        assert line in wrapped
    shown = html.unescape(re.sub(r"</?p>\n?", "", RENDER.render(line))).strip()
    assert shown.replace("\u200b", "") == printable_lines(" ".join(said.split()))


@given(PIECES)
def test_the_pull_request_text_keeps_its_shape_whatever_the_model_wrote(said: str) -> None:
    shown = markdown(everywhere(said))
    assert "<!--" not in shown
    assert not ACTIVE.search(html.unescape(shown.replace("<br>", "")).replace("<", " "))
    plain = [line for line in markdown(everywhere("x")).splitlines() if line.startswith("#")]
    assert len([line for line in shown.splitlines() if line.startswith("#")]) == len(plain)


if (
    __name__ == "__main__"
):  # writes what the code says into the cases: read the difference before you commit it
    CASES.mkdir(parents=True, exist_ok=True)
    for name, view in (("full", FULL), ("empty", EMPTY)):
        (CASES / f"{name}.txt").write_text(text(view), encoding="utf-8")
        (CASES / f"{name}.md").write_text(markdown(view), encoding="utf-8")
