"""The report in a real browser: what a model wrote does nothing there, and people can use it in every way they read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import reported
from browser import Page, browser
from correctless.base.text import printable_lines
from correctless.decisions.decision import Decision
from correctless.report import page as pages
from correctless.report.model import RunReport
from hostile_texts import TEXTS
from patience import until
from programs import axe_source

pytestmark = pytest.mark.real

CLOSED = {"tone", "marks", "mark", "kind", "lines"}  # fields with values of ours


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture(autouse=True)
def usual(tab: Page) -> None:
    tab.look()


def opened(tab: Page, folder: Path, html: str, fragment: str = "") -> Page:
    (folder / "report.html").write_bytes(html.encode("utf-8"))
    tab.open(folder / "report.html", fragment)
    return tab


def quiet(tab: Page) -> None:
    """Nothing was said, nothing was asked for but the page itself, and no script of anybody else ran."""
    assert tab.console() == []
    assert len(tab.requests()) == 1
    assert tab.js("window.hostile") is None
    assert tab.js("[...document.querySelectorAll('a')].every(a => a.getAttribute('href').startsWith('#'))")
    strange = "img,iframe,object,embed,form,base,link,audio,video,[style],[onload],[onerror],[onmouseover],[onfocus]"
    assert tab.js(f"document.querySelectorAll({strange!r}).length") == 0
    assert tab.js("[document.scripts.length, document.querySelectorAll('style').length].join()") == "1,1"


def told(text: str) -> Decision:
    """A deferred decision that says one text wherever a model can say something."""
    return Decision(
        skill="cverify",
        decision_id="AD-001",
        default_applied=text,
        rationale=text + ".",
        timestamp="2026-07-01T23:00:00.000Z",
        escalation_deferred=True,
        original_escalation_reason=text + "!",
        run="20260701-220411-9f3a",
        step="cverify",
        attempt=1,
        source="block",
        notes=("damaged", "unlisted"),
        extra={"claimed_id": text, "kept": text, "fault": text},
    )


def words(text: str) -> str:
    """Without the white space that a page may break or fold."""
    return "".join(text.split())


def everywhere(value: Any, text: str, name: str = "") -> Any:
    """A view whose every text is `text`."""
    if isinstance(value, str):
        return value if name in CLOSED else text
    if isinstance(value, tuple):
        return tuple(everywhere(each, text, name) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value,
            **{each.name: everywhere(getattr(value, each.name), text, each.name) for each in fields(value)},
        )
    return value


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_decision_is_shown_as_its_own_text_and_does_nothing(
    name: str, tab: Page, tmp_path: Path
) -> None:
    text = TEXTS[name]
    opened(tab, tmp_path, pages.of_run(reported.report([told(text)])))
    quiet(tab)
    card = words(tab.js("document.querySelector('article').textContent"))
    assert card.count(words(printable_lines(text[:20_000]))) >= 3
    row = words(tab.js("document.querySelector('#rows tbody').textContent"))
    assert row.count(words(printable_lines(text[:1_000]))) == 2
    assert tab.js("[document.querySelectorAll('article').length, document.querySelectorAll('#rows tbody tr').length].join()") == "1,1"  # fmt: skip
    # Seen, too: nothing of the page is hidden by it, and nothing of it is outside of its place.
    assert tab.js("document.querySelector('footer').getBoundingClientRect().height") > 10
    assert tab.js("getComputedStyle(document.body).display") == "block"
    assert tab.js("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_does_nothing_in_any_field_of_a_report(name: str, tab: Page, tmp_path: Path) -> None:
    text = TEXTS[name][:400]
    view = reported.report(reported.decisions(12), answered=1)
    view = replace(view, warnings=("w",), left_out=(("cdocs", "why"),))
    sections = "[...document.querySelectorAll('section')].map(each => each.id).join()"
    opened(tab, tmp_path, pages.of_run(view))
    usual_sections, rows = tab.js(sections), tab.js("document.querySelectorAll('tr').length")
    quiet(tab)
    opened(tab, tmp_path, pages.of_run(everywhere(view, text)))
    quiet(tab)
    assert tab.js(sections) == usual_sections
    assert tab.js("document.querySelectorAll('tr').length") == rows
    opened(tab, tmp_path, pages.of_history(everywhere(reported.past(9), text)))
    quiet(tab)


def test_the_policy_stops_what_a_hole_in_the_page_would_let_in(tab: Page, tmp_path: Path) -> None:
    opened(tab, tmp_path, pages.of_run(reported.report(reported.decisions(3))))
    tab.js(
        "document.body.insertAdjacentHTML('beforeend', '<img src=https://evil.example/a onerror=window.hostile=1>"
        '<iframe src=https://evil.example/b></iframe><p style="color:red" id=styled>a</p>'
        "<link rel=stylesheet href=https://evil.example/c>');"
        "const s = document.createElement('script'); s.textContent = 'window.hostile = 2'; document.body.append(s);"
        "fetch('https://evil.example/d').catch(() => {})"
    )

    def refused(policy: str) -> bool:
        tab.js("new Promise(done => setTimeout(done, 20))")
        return policy in str(tab.console())

    for policy in ("img-src", "frame-src", "style-src", "script-src", "connect-src"):
        until(partial(refused, policy), policy)
    assert tab.js("window.hostile") is None
    assert tab.js("getComputedStyle(document.getElementById('styled')).color") != "rgb(255, 0, 0)"


@pytest.mark.parametrize("count", [0, 10, 200, 5_000])
def test_a_report_of_any_size_says_nothing_on_the_console(count: int, tab: Page, tmp_path: Path) -> None:
    opened(tab, tmp_path, pages.of_run(reported.report(reported.decisions(count), answered=4)))
    quiet(tab)
    for width in (390, 768, 1280):
        tab.look(width)
        assert tab.js("document.documentElement.scrollWidth <= innerWidth"), width
    assert tab.js("document.querySelectorAll('#rows tbody tr:not(.off)').length") == min(count, 200)


@pytest.mark.parametrize("look", [(1280, False), (1280, True), (390, False), (390, True)])
@pytest.mark.parametrize("which", ["run", "history", "hostile"])
def test_axe_finds_nothing_serious(which: str, look: tuple[int, bool], tab: Page, tmp_path: Path) -> None:
    tab.look(look[0], dark=look[1])
    view = reported.report(reported.decisions(40), answered=3)
    html = {
        "run": lambda: pages.of_run(replace(view, warnings=("limit-near: 31.00 of 40.00 USD are spent",))),
        "history": lambda: pages.of_history(reported.past(30)),
        "hostile": lambda: pages.of_run(reported.report([told(TEXTS["template"])])),
    }[which]()
    opened(tab, tmp_path, html)
    tab.js("for (const each of document.querySelectorAll('details')) each.open = true")
    tab.js(axe_source())
    found = json.loads(
        tab.js(
            "axe.run().then(r => JSON.stringify(r.violations.map(v => "
            "[v.impact, v.id, v.nodes.slice(0, 3).map(n => [n.html.slice(0, 200), n.failureSummary])])))"
        )
    )
    assert [each for each in found if each[0] in ("serious", "critical")] == []
    assert tab.js("axe.run().then(r => r.passes.length)") > 20


def numbers(tab: Page) -> list[int]:
    """The decisions that are seen, by their numbers, in the order in which they are seen."""
    shown = "[...document.querySelectorAll('#rows tbody tr')].filter(r => r.checkVisibility()).map(r => Number(r.cells[0].textContent))"
    return list(tab.js(shown))


def reach(tab: Page, selector: str) -> None:
    """Go to something by the Tab key alone; what has the focus must be seen to have it."""
    for _ in range(400):
        tab.press("Tab")
        if tab.js(f"document.activeElement.matches({selector!r})"):
            assert tab.js("getComputedStyle(document.activeElement).outlineStyle") != "none", selector
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def long_report() -> tuple[RunReport, list[Decision]]:
    entries = reported.decisions(450)
    return reported.report(entries, answered=5), entries


def test_sorting_works_by_keyboard_and_says_so(tab: Page, tmp_path: Path) -> None:
    view, _ = long_report()
    opened(tab, tmp_path, pages.of_run(view))
    assert numbers(tab) == list(range(1, 201))
    reach(tab, "#rows thead th:first-child button")
    tab.press("Enter")
    assert tab.js("document.querySelector('#rows th').getAttribute('aria-sort')") == "ascending"
    tab.press(" ")
    assert tab.js("document.querySelector('#rows th').getAttribute('aria-sort')") == "descending"
    assert numbers(tab) == list(range(450, 250, -1))
    reach(tab, "#rows thead th:nth-child(2) button")
    tab.press("Enter")
    assert tab.js("[...document.querySelectorAll('#rows th')].map(t => t.getAttribute('aria-sort')).join()") == "none,ascending,none,none,none,none"  # fmt: skip
    by_skill = sorted(view.decisions, key=lambda each: (each.skill, each.number))
    assert numbers(tab) == [each.number for each in by_skill][:200]


def test_filters_and_pages_work_by_keyboard(tab: Page, tmp_path: Path) -> None:
    view, _ = long_report()
    opened(tab, tmp_path, pages.of_run(view))
    reach(tab, "#find")
    tab.type("CHANGELOG.md")
    tab.js("new Promise(done => setTimeout(done, 250))")
    wanted = [each.number for each in view.decisions if "CHANGELOG.md" in each.rationale]
    assert numbers(tab) == wanted[:200]
    assert f"of {len(wanted)}" in tab.js("document.getElementById('shown').textContent")
    reach(tab, "input[value=unlisted]")
    tab.press(" ")
    unlisted = [each.number for each in view.decisions if each.number in wanted and "unlisted" in each.marks]
    assert 0 < len(unlisted) < len(wanted)
    assert numbers(tab) == unlisted
    reach(tab, "#clear")
    tab.press("Enter")
    assert numbers(tab) == list(range(1, 201))
    reach(tab, "#following")
    tab.press("Enter")
    assert numbers(tab) == list(range(201, 401))
    assert tab.js("document.getElementById('shown').textContent") == "201 to 400 of 450"
    assert tab.js("document.getElementById('shown').getAttribute('aria-live')") == "polite"
    quiet(tab)


@pytest.mark.parametrize("mark", ["open", "deferred", "differs", "damaged", "confirmed"])
def test_each_filter_shows_exactly_the_decisions_with_its_mark(mark: str, tab: Page, tmp_path: Path) -> None:
    view, _ = long_report()
    opened(tab, tmp_path, pages.of_run(view))
    tab.js(f"document.querySelector('input[value={mark}]').click()")
    wanted = [each.number for each in view.decisions if mark in each.marks]
    assert numbers(tab) == wanted[:200]
    assert wanted


def test_one_skill_can_be_chosen(tab: Page, tmp_path: Path) -> None:
    view, _ = long_report()
    opened(tab, tmp_path, pages.of_run(view))
    tab.js(
        "const s = document.getElementById('skill'); s.value = 'cdocs'; s.dispatchEvent(new Event('change'))"
    )
    assert numbers(tab) == [each.number for each in view.decisions if each.skill == "cdocs"]


def test_a_link_to_an_entry_leads_to_it_on_whatever_page_of_the_table_it_is(
    tab: Page, tmp_path: Path
) -> None:
    view, _ = long_report()
    last = view.deferred[-1].decision.number
    far = max(each.decision.number for each in view.deferred)
    opened(tab, tmp_path, pages.of_run(view))
    assert far > 400
    tab.js(f"document.querySelector('a[href=\"#entry-{far}\"]').click()")
    tab.js("new Promise(done => setTimeout(done, 100))")
    assert far in numbers(tab)
    assert tab.js(
        f"const b = document.getElementById('entry-{far}').getBoundingClientRect(); b.top > 0 && b.bottom < innerHeight"
    )
    assert tab.js(f"document.getElementById('deferred-{last}') !== null")
    tab.js("document.querySelector('.steps a').click()")
    tab.js("new Promise(done => setTimeout(done, 100))")
    assert tab.js("document.querySelector('details').open")


def test_on_paper_every_decision_is_there_and_no_control_is(tab: Page, tmp_path: Path) -> None:
    view, _ = long_report()
    tab.look(media="print")
    opened(tab, tmp_path, pages.of_run(view))
    assert numbers(tab) == list(range(1, 451))
    for control in (".filters", ".pager", ".sections"):
        assert not tab.js(f"document.querySelector({control!r}).checkVisibility()"), control


def test_without_its_script_the_page_shows_every_decision_and_no_dead_control(
    tab: Page, tmp_path: Path
) -> None:
    view, _ = long_report()
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        (tmp_path / "report.html").write_text(pages.of_run(view), encoding="utf-8")
        tab.open(tmp_path / "report.html")
        assert numbers(tab) == list(range(1, 451))
        assert not tab.js("document.querySelector('.filters').checkVisibility()")
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_the_page_follows_the_colours_that_the_user_prefers(tab: Page, tmp_path: Path) -> None:
    opened(tab, tmp_path, pages.of_run(reported.report(reported.decisions(3))))
    light = tab.js("getComputedStyle(document.body).backgroundColor")
    tab.look(dark=True)
    assert tab.js("getComputedStyle(document.body).backgroundColor") != light == "rgb(255, 255, 255)"


def test_the_plots_of_the_history_have_titles_axes_and_a_text_that_says_the_same(
    tab: Page, tmp_path: Path
) -> None:
    view = reported.past(48)
    opened(tab, tmp_path, pages.of_history(view))
    quiet(tab)
    plots = tab.js(
        "[...document.querySelectorAll('svg.plot')].map(s => [s.getAttribute('aria-labelledby').split(' ')"
        ".map(i => document.getElementById(i).textContent).join(' | '), s.querySelectorAll('.dot').length,"
        " s.querySelectorAll('.grid').length])"
    )
    assert [each[0] for each in plots] == [f"{plot.title} | {plot.text}" for plot in view.plots]
    assert [each[1] for each in plots] == [96, 48, 48, 96]
    assert all(each[2] >= 3 for each in plots)
    assert "48 runs. cost: from $" in plots[1][0]
