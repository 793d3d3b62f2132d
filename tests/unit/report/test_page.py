"""The page as text: what it allows, what it escapes, and that no template can write anything raw."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reported
from correctless.base.text import printable_lines
from correctless.report import page
from effort import examples
from hostile_texts import TEXTS
from places import PACKAGE


class Tags(HTMLParser):
    """Elements and attributes of a page, its text, and the contents of style and script."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.ids: list[str] = []
        self.named: set[str] = set()  # by aria-labelledby
        self.text: list[str] = []
        self.raw: dict[str, str] = {}
        self.policy = ""
        self._in = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in = tag
        found = dict(attrs)
        self.attributes |= found.keys()
        if "id" in found:
            self.ids.append(found["id"] or "")
        self.named |= {*(found.get("aria-labelledby") or "").split()}
        if "href" in found:
            self.links.add(found["href"] or "")
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""

    def handle_data(self, data: str) -> None:
        if self._in in ("style", "script"):
            self.raw[self._in] = self.raw.get(self._in, "") + data
        else:
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in = ""


def both() -> list[str]:
    view = reported.report(reported.decisions(30), answered=2)
    gone = replace(view.decisions[4], marks=("deferred", "superseded"), status="superseded")
    answers = (replace(view.answers[0], entries=(1, 5)), *view.answers)
    view = replace(view, decisions=(*view.decisions[:4], gone, *view.decisions[5:]), answers=answers)
    view = replace(view, deferred=tuple(each for each in view.deferred if each.decision.number != 5))
    return [page.of_run(view), page.of_history(reported.past(12))]


@pytest.mark.parametrize("html", both(), ids=["run", "history"])
def test_the_policy_allows_exactly_the_page_s_own_style_and_script(html: str) -> None:
    found = Tags(html)
    wanted = {
        name: "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, text in found.raw.items()
    }
    assert found.policy == (
        f"default-src 'none'; style-src '{wanted['style']}'; script-src '{wanted['script']}'; base-uri 'none'; form-action 'none'"
    )
    assert (found.tags.count("style"), found.tags.count("script")) == (1, 1)
    assert not {
        name
        for name in found.attributes
        if name.startswith("on") or name in ("style", "src", "srcset", "action")
    }
    assert all(link.startswith("#") for link in found.links)
    assert not {"img", "iframe", "object", "embed", "link", "base", "form"} & {*found.tags}
    assert re.findall(r"https?:", html) == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_itself_on_the_page_and_adds_no_element(name: str) -> None:
    usual = reported.decisions(3)
    hostile = [replace(each, default_applied=TEXTS[name], rationale=TEXTS[name] + ".") for each in usual]
    plain = [replace(each, default_applied="a", rationale="b") for each in usual]
    found, without = Tags(page.of_run(reported.report(hostile))), Tags(page.of_run(reported.report(plain)))
    cut = len(TEXTS[name]) > 1_000
    same = [tag for tag in found.tags if tag != "span"] if cut else found.tags
    assert same == ([tag for tag in without.tags if tag != "span"] if cut else without.tags)
    assert found.attributes <= without.attributes
    assert "".join(found.text).count(printable_lines(TEXTS[name][:1_000])) >= 3


@given(st.text(st.characters()))
@settings(max_examples=examples(300))
def test_nothing_invisible_reaches_the_page_whatever_the_text(text: str) -> None:
    [entry] = reported.decisions(1)
    html = page.of_run(reported.report([replace(entry, default_applied=text, rationale=text + ".")]))
    assert all(char.isprintable() or char == "\n" for char in html)
    html.encode("utf-8")


@pytest.mark.parametrize("html", both(), ids=["run", "history"])
def test_every_link_and_every_label_leads_to_one_place_of_the_page(html: str) -> None:
    found = Tags(html)
    assert len(found.ids) == len({*found.ids})
    assert {link.removeprefix("#") for link in found.links} | found.named <= {*found.ids}
    assert len(found.links) > 3


def test_no_template_turns_escaping_off() -> None:
    templates = [*(PACKAGE / "report" / "templates").glob("*.html")]
    assert len(templates) > 8
    for path in templates:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe|autoescape|Markup|\{%-?\s*raw", text), path.name
        # In an attribute without quotes a space would begin another one.
        assert not re.search(r"=\{\{", text), path.name


def test_long_texts_are_cut_with_their_length_and_where_the_rest_is() -> None:
    [entry] = [each for each in reported.decisions(40) if each.escalation_deferred and each.default_applied][
        :1
    ]
    html = page.of_run(reported.report([replace(entry, default_applied="x" * 50_000)]))
    assert "… 50,000 characters; the rest is in entry 1 of the decisions log" in html
    assert 20_000 <= html.count("x" * 10) * 10 <= 22_000


def test_the_report_of_no_decisions_says_so() -> None:
    text = " ".join("".join(Tags(page.of_run(reported.report([]))).text).split())
    assert "No decision was deferred." in text
    assert "No decision is recorded." in text
