"""A SKILL.md as text with places: encodings, the frontmatter's edges, and which headings are headings."""

from __future__ import annotations

from pathlib import Path

import frontmatter
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import places
from correctless.skill import skill_text
from correctless.skill.skill_text import SkillText, read
from correctless.syntax import markdown
from effort import examples
from places import ROOT

CASES = sorted((places.CASES / "contract").glob("*.md"))
SKILLS = sorted((ROOT / "skills").glob("*/SKILL.md"))


def keys(skill: SkillText) -> list[str]:
    return [key.text for key, _ in skill.frontmatter.pairs] if skill.frontmatter else []


def notes(skill: SkillText) -> list[tuple[int, int, str, str]]:
    return [(note.line, note.column, note.rule, note.severity) for note in skill.notes]


def headings(text: str) -> list[tuple[int, str, int]]:
    # As CommonMark has them: `sections` also ends a fence that nothing closes.
    return [(s.level, s.title, s.line) for s in markdown.sections(read(text.encode(), "f").lines)]


def test_frontmatter_body_and_their_lines() -> None:
    skill = read(b"---\nname: a\ndescription: b\n---\n# Title\nwords\n", "f")
    assert keys(skill) == ["name", "description"]
    assert (skill.raw, skill.body, skill.body_line) == ("name: a\ndescription: b\n", "# Title\nwords\n", 5)
    assert [(line.number, line.text, line.kind) for line in skill.lines] == [
        (5, "# Title", "heading"),
        (6, "words", "text"),
    ]
    assert notes(skill) == []


@pytest.mark.parametrize(
    ("data", "body", "line"),
    [
        (b"", "", 1),
        (b"words", "words", 1),
        (b"----\na: b\n---\n", "----\na: b\n---\n", 1),
        (b" ---\na: b\n---\n", " ---\na: b\n---\n", 1),
        (b"words\n---\na: b\n---\n", "words\n---\na: b\n---\n", 1),
    ],
)
def test_without_an_opening_line_everything_is_body(data: bytes, body: str, line: int) -> None:
    skill = read(data, "f")
    assert (skill.has_frontmatter, skill.frontmatter, skill.body, skill.body_line) == (
        False,
        None,
        body,
        line,
    )


@pytest.mark.parametrize("data", [b"---\n---\n", b"---\n---", b"---  \n\n---\t\n"])
def test_empty_frontmatter_has_no_keys_and_is_no_fault(data: bytes) -> None:
    skill = read(data, "f")
    assert (skill.has_frontmatter, skill.frontmatter, notes(skill)) == (True, None, [])


@pytest.mark.parametrize("data", [b"---\na: b\n\n# T\n", b"---\na: b\n# T\n", b"---\na: b", b"---"])
def test_frontmatter_that_nothing_closes_is_noted_and_its_keys_are_read(data: bytes) -> None:
    skill = read(data, "f")
    assert notes(skill) == [(1, 1, "frontmatter", "error")]
    assert keys(skill) == (["a"] if b"a" in data else [])
    assert [s.title for s in skill.sections] == (["T"] if b"T" in data else [])


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"\xef\xbb\xbf---\na: b\n---\n# T\n", (1, 1, "encoding", "warning")),
        (b"---\r\na: b\r\n---\r\n# T\r\n", (1, 4, "encoding", "info")),
        (b"---\na: b\n---\n# T\n\0", (5, 1, "encoding", "error")),
        (b"---\na: b\n---\n# T\nx\xff", (5, 2, "encoding", "error")),
        (b"---\na: b\n---\n# T\n\xed\xa0\x80", (5, 1, "encoding", "error")),
        (b"---\na: b\x1b\n---\n# T\n", (2, 5, "encoding", "error")),
        (b"\n\n---\na: b\n---\n# T\n", (3, 1, "frontmatter", "error")),
        ("\ufeff---\na: b\n---\n# T\n".encode("utf-16-le"), (1, 1, "encoding", "error")),
        ("\ufeff---\na: b\n---\n# T\n".encode("utf-16-be"), (1, 1, "encoding", "error")),
    ],
)  # fmt: skip
def test_odd_bytes_are_noted_where_they_are_and_everything_is_still_read(
    data: bytes, note: tuple[int, int, str, str]
) -> None:
    skill = read(data, "f")
    assert notes(skill) == [note]
    assert keys(skill) == ["a"]
    assert [(s.title, s.line) for s in skill.sections] == [("T", 6 if data[:1] == b"\n" else 4)]


@pytest.mark.parametrize(("data", "kind"), [(b"---\n- a\n---\n", "a list"), (b"---\nwords\n---\n", "text")])
def test_frontmatter_without_keys_is_noted(data: bytes, kind: str) -> None:
    skill = read(data, "f")
    assert notes(skill) == [(2, 1, "frontmatter", "error")]
    assert kind in skill.notes[0].message
    assert skill.frontmatter is None


def test_an_edit_heals_the_file_at_its_own_offsets() -> None:
    data = "---\nname: é\ndescription: Audit. Presets: QA\n---\nbody\n"
    skill = read(data.encode(), "f")
    (edit,) = skill.edits
    fixed = skill.text[: edit.start] + edit.new + skill.text[edit.end :]
    assert fixed == data.replace("Audit. Presets: QA", '"Audit. Presets: QA"')


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("## T ##  \n", [(2, "T", 1)]),
        ("#\tT\n##\n#No\n####### No\n", [(1, "T", 1), (2, "", 2)]),
        ("   ### T\n\n    # code\n", [(3, "T", 1)]),
        ("Words\nmore\n---\n", [(2, "Words more", 1)]),
        ("Words\n===\n", [(1, "Words", 1)]),
        ("Words\n\n---\n", []),
        ("- item\n---\n", []),
        ("- item\nlazy\n---\n", []),
        ("> quote\n---\n", []),
        ("```\n# no\n```\n# T\n", [(1, "T", 4)]),
        ("~~~ md\n# no\n```\n# no\n~~~~\n# T\n", [(1, "T", 6)]),
        ("````\n```\n# no\n```\n# no\n````\n# T\n", [(1, "T", 7)]),
        ("- item\n\n  ```\n  # no\n  ```\n\n# T\n", [(1, "T", 7)]),
        ("1. item\n   ```\n# T\n", [(1, "T", 3)]),
        ("- ```\n  # no\n  ```\n# T\n", [(1, "T", 4)]),
        ("``` a`b\n# T\n", [(1, "T", 2)]),
        ("    ```\n# T\n", [(1, "T", 2)]),
        ("```\n# no\n    ```\n# no\n", []),
        ("<!--\n# no\n\n# no\n-->\n# T\n", [(1, "T", 6)]),
        ("<!-- x -->\n# T\n", [(1, "T", 2)]),
        ("words <!--\n# T\n-->\n", [(1, "T", 2)]),
        ("> # no\n- # no\n  # no\n", []),
        ("words\n2. no list\n   # T\n", [(1, "T", 3)]),
        ("- a\n\n      # code\n# T\n", [(1, "T", 4)]),
    ],
)
def test_only_real_headings_count(text: str, found: list[tuple[int, str, int]]) -> None:
    assert headings(text) == found


def reference(body: str) -> list[tuple[int, int]]:
    """Level and line of each heading as markdown-it has them, HTML other than comments read as words."""
    tokens = MarkdownIt("commonmark").parse(body)
    return [
        (int(t.tag[1]), t.map[0] + 1) for t in tokens if t.type == "heading_open" and t.level == 0 and t.map
    ]


MARKS = st.sampled_from(
    ["# T", "## T", "---", "===", "***", "```", "~~~", "- ", "1. ", "2) ", "> ", "words", "\n", "\n", "\n\n", "  ", "    ", "\t", "<!--", "-->", "*"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(MARKS, max_size=14).map("".join))
def test_headings_outside_of_lists_are_those_of_a_full_markdown_reader(body: str) -> None:
    ours = [(level, line) for level, _, line in headings("\n" + body.lstrip("-"))]
    assert ours == reference("\n" + body.lstrip("-"))


@pytest.mark.parametrize("path", [*SKILLS, *CASES], ids=lambda path: path.parent.name + "-" + path.stem)
def test_headings_of_a_real_file_are_those_of_a_full_markdown_reader(path: Path) -> None:
    skill = read(path.read_bytes(), str(path))
    by_commonmark = markdown.sections(skill.lines)
    assert [(s.level, s.line - skill.body_line + 1) for s in by_commonmark] == reference(skill.body)
    if markdown.unclosed_fence(skill.lines) is None:
        assert skill.sections == by_commonmark


def test_a_fence_that_nothing_closes_ends_at_the_next_heading_of_level_2() -> None:
    text = b"# A\n~~~md\n# B\n~~~\n## G\n````\n### C\n##\n##D\n     ## E\n ## F\nx\n```\n## G\n```\n### H\n"
    # The fence of line 2 is closed, that of line 6 is not, and that of line 13 is again.
    assert [(s.title, s.line) for s in read(text, "f").sections] == [("A", 1), ("G", 5), ("F", 11), ("H", 16)]


def test_a_section_reaches_to_the_next_heading_of_its_rank() -> None:
    skill = read(b"# A\na\n## B\nb\n### C\nc\n## D\nd\n# E\n", "f")
    assert [[line.number for line in s.lines] for s in skill.sections] == [
        [2, 3, 4, 5, 6, 7, 8],
        [4, 5, 6],
        [6],
        [8],
        [],
    ]


def test_a_fence_left_open_is_found() -> None:
    assert markdown.unclosed_fence(read(b"a\n```\n```\n\n~~~\n```\n", "f").lines) == 5
    assert markdown.unclosed_fence(read(b"a\n```\n```\n", "f").lines) is None


@pytest.mark.parametrize("path", [*SKILLS, *CASES], ids=lambda path: path.parent.name + "-" + path.stem)
def test_python_frontmatter_reads_the_same_keys(path: Path) -> None:
    data = path.read_bytes()
    skill = read(data, str(path))
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        theirs = list(frontmatter.loads(text).metadata)
    except (yaml.YAMLError, UnicodeDecodeError):
        assert notes(skill)
        return
    assert list(dict.fromkeys(keys(skill))) == theirs or "frontmatter" in {note.rule for note in skill.notes}


SCALARS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=30)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z-]{0,12}", fullmatch=True),
        st.one_of(SCALARS, st.lists(SCALARS, max_size=3)),
        min_size=1,
    )
)
def test_valid_frontmatter_reads_as_python_frontmatter_reads_it(values: dict[str, str | list[str]]) -> None:
    text = frontmatter.dumps(frontmatter.Post("body", None, **values))
    theirs = frontmatter.loads(text).metadata
    skill = read(text.encode(), "f")
    assert sorted(keys(skill)) == sorted(str(key) for key in theirs)
    for key, value in theirs.items():
        node = skill.frontmatter.get(key) if skill.frontmatter else None
        assert node is not None
        # It strips a no-break space, and where nothing is left it reads None.
        if isinstance(value, list):
            assert [item or "" for item in value] == [item.text for item in node.items]
        else:
            assert (value or "") == node.text


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_and_each_line_keeps_its_number(data: bytes) -> None:
    skill = skill_text.read(b"---\na: b\n---\n" + data, "f")
    assert [line.number for line in skill.lines] == list(range(4, 4 + len(skill.lines)))
    whole = skill.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(whole[line.number - 1] == line.text for line in skill.lines)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_read(data: bytes) -> None:
    skill = read(data, "f")
    assert skill.body in skill.text
    assert skill.raw in skill.text
    assert len(skill.sections) <= len(skill.lines)


BLOCKS = [
    "- ", "* ", "+ ", "1. ", "2) ", "10. ", "    ", "  ", "\t", "```", "~~~", "````", "# ", "#", "## x", "---", "***", "===",
    "<!--", "-->", "word", "1986. x", "> q", "a b c", "`x`", "**x**", "_", "\xa0", "\n", "\n", "\n", "\n", "\n\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(BLOCKS), max_size=40).map("".join))
@settings(max_examples=examples(400), deadline=None)
def test_what_is_told_by_the_first_characters_of_a_line_is_what_its_block_says(text: str) -> None:
    slow = markdown._Scanner()
    told = (
        [(slow.kind(line), len(slow.items)) for line in text.removesuffix("\n").split("\n")] if text else []
    )
    assert [(line.kind, line.depth) for line in markdown.scan(text)] == told
    opened = markdown.unclosed_fence(markdown.scan(text))
    assert (opened is None) == (slow.fence is None)


@given(st.lists(st.sampled_from([*BLOCKS, "\n```\n", "\n~~~~ x\n", "\n\n"]), max_size=40).map("".join))
@settings(max_examples=examples(2000), deadline=None)
def test_a_line_is_code_where_a_scan_says_so(text: str) -> None:
    skill = read(f"---\nname: x\n---\n{text}".encode(), "f")
    starts = markdown.line_starts(skill.body)
    for row, (line, start) in enumerate(zip(skill.lines, starts, strict=False)):
        if line.text:
            assert skill.is_code(row, start) == (line.kind in (markdown.CODE, markdown.COMMENT)), line


@given(st.lists(st.sampled_from(["`", "``", "```", "a", "b c", " "]), max_size=30).map("".join))
@settings(max_examples=examples(400), deadline=None)
def test_code_in_a_line_is_where_commonmark_has_it(text: str) -> None:
    line = f"x {text} x"  # no fence, and no space at an end
    spans = [line[start:end].strip("`") for start, end in markdown.code_spans(line)]
    inner = [s[1:-1] if s.strip() and s.startswith(" ") and s.endswith(" ") else s for s in spans]
    (paragraph,) = (each for each in MarkdownIt().parse(line) if each.type == "inline")
    assert inner == [each.content for each in paragraph.children or () if each.type == "code_inline"]


@pytest.mark.parametrize("mark", "*-_")
def test_a_thematic_break_is_three_of_one_mark_and_nothing_else(mark: str) -> None:
    for line in (f"{mark * 3}", f"{mark} {mark}\t{mark} ", f"  {mark * 9}", f"{mark * 2} {mark}"):
        assert [each.kind for each in markdown.scan(f"a\n\n{line}\n")][-1] == markdown.BREAK, line
    for line in (
        f"{mark * 2}",
        f"{mark * 3}x",
        f"{mark * 3} x {mark * 3}",
        f"{mark * 2}+",
        "*-_",
        f"    {mark * 3}",
    ):
        assert [each.kind for each in markdown.scan(f"a\n\n{line}\n")][-1] != markdown.BREAK, line


def test_a_text_of_fences_that_nothing_closes_is_read_in_bounded_time() -> None:
    fences = "".join(f"{'`' * length}\n## a{length}\n\n" for length in range(900, 2, -1))
    read_text = read(f"---\nname: a\n---\n{fences}".encode(), "a/SKILL.md")
    assert [section.title for section in read_text.sections] == [
        f"a{length}" for length in range(900, 892, -1)
    ]
