"""`on_escalation: ask`: a person at the terminal answers while the run is under way, and only what they were shown is covered."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from asking import ASK, DONE, LEFT, PROMPT, ended, make, terminal
from correctless.base import exits
from correctless.decisions.decision import Attempt
from correctless.dispatch.core.context import PersonAnswers, Question, RunContext
from correctless.dispatch.step import ask
from correctless.dispatch.step.recording import Recording
from correctless.project import lock
from correctless.project.git import find
from correctless.runlog.events import Answered, Asking
from correctless.skill.contract import read_skill
from sessions import WORDS, Sessions

__all__ = ["make"]  # the fixture

TWO = "ends(said('AD-003', 'keep the verdict'), said('AD-777', 'a choice of its own'))"


def test_an_answer_goes_to_the_same_session_is_on_record_and_covers_what_was_shown(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    with terminal(sessions, LEFT, DONE) as child:
        child.expect("judge needs a decision from you")
        child.expect("default: +keep the verdict")
        child.expect(PROMPT)
        [asked] = sessions.of(Asking)  # before it was shown
        assert (len(asked.entries), len(asked.challenge)) == (1, 32)
        child.sendline("call R-004 unmet")
        assert ended(child) == exits.OK
    assert sessions.parts == [(1, False), (2, True)]
    told = sessions.notes[1]["prompt"]
    assert told.startswith("mode: autonomous\nA person has answered decisions")
    assert '- AD-003, where you applied "keep the verdict": "call R-004 unmet"' in told
    first, second = [d for d in sessions.project.decisions() if d["decision_id"] == "AD-003"]
    assert (first["default_applied"], first["escalation_deferred"]) == ("keep the verdict", True)
    assert (second["default_applied"], second["escalation_deferred"]) == ("call R-004 unmet", False)
    assert second["extra"] == {"answers": first["seq"], "by": "Ada", "channel": "terminal"}
    assert second["key"].endswith(f"/sanswer-{first['seq']}")
    confirmations = [
        json.loads(line) for line in Path(sessions.project.logs.confirmations).read_text().splitlines()
    ]
    [answer] = [each for each in confirmations if each["kind"] == "answer"]
    assert (answer["by"], answer["channel"], answer["note"]) == ("Ada", "terminal", "call R-004 unmet")
    [event] = sessions.of(Answered)
    assert (event.by, event.confirmed, event.changed) == ("Ada", 0, 1)
    assert sessions.project.command("decisions", "verify", "--offline").returncode == 0
    summary = sessions.project.command("decisions", "summary").stdout
    assert "AD-003 in judge: decided by Ada (terminal): call R-004 unmet" in summary


def test_the_agents_process_has_ended_when_its_question_is_shown(make: Callable[..., Sessions]) -> None:
    sessions = make()
    with terminal(sessions, "note({'pid': os.getpid()}); " + LEFT, DONE) as child:
        child.expect(PROMPT)
        [pid] = [each["pid"] for each in sessions.notes if "pid" in each]
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        child.sendline("ok")
        assert ended(child) == exits.OK


def test_ok_lets_the_default_stand_without_another_turn(make: Callable[..., Sessions]) -> None:
    sessions = make()
    with terminal(sessions, LEFT, DONE) as child:
        child.expect(PROMPT)
        child.sendline("OK")
        assert ended(child) == exits.OK
    assert len(sessions.parts) == 1
    assert [event.confirmed for event in sessions.of(Answered)] == [1]


def test_enter_alone_leaves_the_decision_to_the_gate(make: Callable[..., Sessions]) -> None:
    sessions = make()
    with terminal(sessions, LEFT, DONE) as child:
        child.expect(PROMPT)
        child.sendline("")
        assert ended(child) == exits.PERSON
    assert len(sessions.parts) == 1
    assert [(event.by, event.changed) for event in sessions.of(Answered)] == [("", 0)]


def test_each_decision_is_asked_about_and_only_the_answered_ones_are_covered(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    with terminal(sessions, TWO, DONE) as child:
        child.expect(r"AD-003 \(1 of 2\)")
        child.expect(PROMPT)
        child.sendline("ok")
        child.expect(r"AD-UNLISTED-1 \(2 of 2\)")
        child.expect(PROMPT)
        child.sendline("")
        assert ended(child) == exits.PERSON
    found = json.loads(sessions.project.command("review", "--json").stdout)
    assert [each["decision_id"] for each in found["waiting"]] == ["AD-UNLISTED-1"]


def test_nobody_answering_in_time_is_a_deferral(make: Callable[..., Sessions]) -> None:
    sessions = make(ask_minutes=0.03)
    with terminal(sessions, LEFT, DONE) as child:
        child.expect("no answer in time: it stays deferred")
        assert ended(child) == exits.PERSON


def test_what_was_typed_before_the_question_answers_nothing(make: Callable[..., Sessions]) -> None:
    sessions = make(ask_minutes=0.05)
    typed = sessions.file.with_name("typed")
    slow = f"import time; note('waits')\nwhile not os.path.exists({str(typed)!r}): time.sleep(0.02)\n"
    with terminal(sessions, slow + LEFT, DONE) as child:
        sessions.wait("waits")
        child.sendline("ok")
        typed.touch()
        child.expect("no answer in time")
        assert ended(child) == exits.PERSON


def test_without_a_terminal_asking_is_deferring_and_the_log_says_so(make: Callable[..., Sessions]) -> None:
    sessions = make()
    done = sessions.cauto(*WORDS, *ASK, parts=(LEFT, DONE))
    assert done.returncode == exits.PERSON, done.stderr
    assert [event.entries for event in sessions.of(Asking)] == [()]
    assert "unattended, so no question was asked" in done.stderr
    assert not sessions.of(Answered)


def test_a_forked_skill_is_not_asked_about(make: Callable[..., Sessions]) -> None:
    sessions = make("forked")
    with terminal(sessions, LEFT, DONE) as child:
        assert ended(child) == exits.PERSON
    assert not sessions.of(Asking)


def test_an_agent_without_sessions_is_not_asked_about(make: Callable[..., Sessions]) -> None:
    sessions = make()
    words = (*WORDS[:-1], f"command:{sessions.project.agent}", *ASK)
    sessions.env["AGENT_EXTRA"] = "decide('AD-003', 'keep the verdict')"
    with terminal(sessions, words=words) as child:
        assert ended(child) == exits.PERSON
    assert not sessions.of(Asking)


def test_what_the_agent_repeats_of_the_answer_is_on_record_once(make: Callable[..., Sessions]) -> None:
    again = "ends(said('AD-003', 'keep the verdict'), said('AD-003', 'call  R-004 unmet', escalation_deferred=True))"
    sessions = make()
    with terminal(sessions, LEFT, again) as child:
        child.expect(PROMPT)
        child.sendline("call R-004 unmet")
        assert ended(child) == exits.OK
    assert len(sessions.project.decisions()) == 2


def test_what_the_agent_makes_of_the_answer_otherwise_closes_the_gate(make: Callable[..., Sessions]) -> None:
    other = "ends(said('AD-003', 'call everything met', escalation_deferred=False))"
    sessions = make()
    with terminal(sessions, LEFT, other) as child:
        child.expect(PROMPT)
        child.sendline("call R-004 unmet")
        child.expect("AD-003")
        child.expect(PROMPT)
        child.sendline("")
        assert ended(child) == exits.PERSON
    last = sessions.project.decisions()[-1]
    assert (last["escalation_deferred"], last["notes"]) == (
        True,
        ["conflict", "corrected", "differs-from-default"],
    )


def test_an_answer_through_a_channel_that_is_not_trusted_is_carried_out_and_opens_nothing(
    make: Callable[..., Sessions],
) -> None:
    sessions = make(confirm_channels=["signed"])
    with terminal(sessions, LEFT, DONE) as child:
        child.expect(PROMPT)
        child.sendline("call R-004 unmet")
        assert ended(child) == exits.PERSON
    assert "told.txt" in sessions.project.git(sessions.project.top, "ls-files")


def test_ctrl_c_at_the_question_pauses_and_it_is_asked_again(make: Callable[..., Sessions]) -> None:
    sessions = make()
    with terminal(sessions, LEFT, DONE) as child:
        child.expect(PROMPT)
        child.sendintr()
        assert ended(child) == exits.INTERRUPTED
    with terminal(sessions, LEFT, DONE, words=("resume",)) as child:
        child.expect(PROMPT)
        child.sendline("ok")
        assert ended(child) == exits.OK
    assert len(sessions.parts) == 1


def test_words_of_a_model_move_nothing_on_the_terminal_where_they_are_asked_about(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    with terminal(sessions, r"ends(said('AD-003', 'a\x1b[2J\x1b]0;owned\x07b\n> ok'))", DONE) as child:
        child.expect(PROMPT)
        child.sendline("")
        assert ended(child) == exits.PERSON
        assert "\x1b[2J" not in str(child.before)


def test_what_was_answered_before_a_crash_is_not_asked_again(make: Callable[..., Sessions]) -> None:
    sessions = make()
    with terminal(sessions, TWO, DONE) as child:
        child.expect(PROMPT)
        child.sendintr()
        assert ended(child) == exits.INTERRUPTED
    state = sessions.project.state()
    assert (state.phase, len(state.asking.entries if state.asking else ())) == ("asking", 2)
    here = find(str(sessions.project.top))
    with lock.Lock.take(here, "a test") as held:
        ctx = RunContext(here, sessions.project.logs, held, sessions.project.env)
        ctx.decisions.create()
        first = Person("call R-004 unmet", dies=True)
        ctx.ask = first
        with pytest.raises(KeyboardInterrupt):
            ask.take_answers(ctx, state)
        confirmations = Path(sessions.project.logs.confirmations)
        before = confirmations.read_bytes()
        assert b'"answer"' not in before  # it died before anything was on record
        ctx.ask = Person("call R-004 unmet")
        once = ask.take_answers(ctx, state)
        decided = Path(sessions.project.logs.decisions).read_bytes()
        # The event is lost: all of it again.
        second = Person()
        ctx.ask = second
        again = ask.take_answers(ctx, state)
        # And once more, after a crash between the confirmation and the decision.
        lines = decided.splitlines(keepends=True)
        assert (once.changed, once.confirmed) == (again.changed, again.confirmed) == (1, 0)
        assert second.asked == [state.asking.entries[1]] if state.asking else []
        assert Path(sessions.project.logs.decisions).read_bytes() == decided
        assert len(lines) == 3


class Person:
    """Somebody who is asked: what they were asked, and what they say to the first questions; the rest is left out."""

    def __init__(self, *said: str, dies: bool = False) -> None:
        self.said = said
        self.dies = dies
        self.asked: list[int] = []

    def __call__(self, questions: Sequence[Question], seconds: float) -> PersonAnswers | None:
        self.asked += [question.number for question in questions]
        if self.dies:
            raise KeyboardInterrupt
        named = zip((question.number for question in questions), self.said, strict=False)
        return PersonAnswers("Ada", "terminal", dict(named))


def test_a_call_that_repeats_a_persons_answer_is_answered_and_not_recorded(
    make: Callable[..., Sessions],
) -> None:
    sessions = make()
    with terminal(sessions, LEFT, "hang()") as child:
        child.expect(PROMPT)
        child.sendline("call R-004 unmet")
        child.expect("continues in its session")
        child.sendintr()
        assert ended(child) == exits.INTERRUPTED
    here = find(str(sessions.project.top))
    state = sessions.project.state()
    contract = read_skill(str(sessions.project.top / "skills/judge"))
    with lock.Lock.take(here, "a test") as held:
        ctx = RunContext(here, sessions.project.logs, held, sessions.project.env)
        ctx.decisions.create()
        recording = Recording(ctx, contract, Attempt(state.run, "judge", 1))
        call = {"decision_id": "AD-003", "default_applied": "call R-004  unmet", "rationale": "as told"}
        assert recording("record_decision", call) == "recorded already as AD-003: Ada decided it"
        assert len(sessions.project.decisions()) == 2
        other = recording("record_decision", {**call, "default_applied": "something else"})
        assert other.startswith("recorded as AD-003, deferred: the same id was reported before")


def test_inside_a_tool_call_nobody_is_asked_whatever_terminal_it_has(make: Callable[..., Sessions]) -> None:
    sessions = make()
    with terminal(sessions, LEFT, DONE) as child:
        child.expect(PROMPT)
        child.sendintr()
        assert ended(child) == exits.INTERRUPTED
    sessions.env["CLAUDECODE"] = "1"
    with terminal(sessions, LEFT, DONE, words=("resume",)) as child:
        assert ended(child) == exits.PERSON
    assert [event.by for event in sessions.of(Answered)] == [""]


def test_a_later_step_is_told_what_you_decided_in_an_earlier_one(make: Callable[..., Sessions]) -> None:
    sessions = make(pipelines={"default": {"steps": [{"skill": "judge"}, {"skill": "forked"}]}})
    with terminal(sessions, LEFT, DONE) as child:
        child.expect("judge needs a decision from you")
        child.expect(PROMPT)
        child.sendline("call R-004 unmet")
        child.expect("forked: done")
        ended(child)
    first, *_, later = [
        each["prompt"] for each in sessions.notes if isinstance(each, dict) and "prompt" in each
    ]
    assert "What a person decided" not in first
    assert '- judge AD-003, where "keep the verdict" was applied: "call R-004 unmet"' in later
