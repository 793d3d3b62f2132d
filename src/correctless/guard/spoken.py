"""Texts that only you may write: answers as sentences, and our own confirming commands."""

from __future__ import annotations

import re

_SENTENCES = (("confirm", "escalations"), ("approve", "spec"))
_COMMENT = "/confirm"  # the command of a comment on GitHub, followed by a digest
_PROGRAMS = ("correctless", "cauto")
_ANSWERS = ("--confirm", "--reject", "--rerun")
_CONTRACT = ("answer", "revoke", "pin", "waive", "reaffirm", "close")
_WITHIN = {"contract": _CONTRACT, "decisions": ("new-workspace",)}
_LONG = re.compile(r"[0-9a-f]{12,}")  # as many digits as such a comment needs
_DIGEST = re.compile(r"[\"'`<(]*[0-9a-f]{6,}", re.IGNORECASE)


def is_answer(text: str) -> bool:
    """Return whether a text contains an answer that only you may type."""
    lowered = text.lower()
    if _COMMENT in lowered and _is_comment(lowered.split()):
        return True
    if not any(noun in lowered for _, noun in _SENTENCES):
        return False
    words = lowered.split()
    return any(
        verb_noun == sentence or (verb_noun[1] == sentence[1] and verb_noun[0].endswith(sentence[0]))
        for verb_noun, digest in zip(zip(words, words[1:]), words[2:])
        if _DIGEST.match(digest)
        for sentence in _SENTENCES
    )


def _is_comment(words: list[str]) -> bool:
    return any(word.endswith(_COMMENT) and _LONG.match(digest) for word, digest in zip(words, words[1:]))


def is_mentioned(text: str) -> bool:
    """Return whether a text that will be run contains such an answer or a confirming command."""
    return is_answer(text) or any(_is_command(line) for line in text.split("\n"))


def _is_command(line: str) -> bool:
    # Plain searches: an expression for this takes minutes over a text made to be slow.
    at = min((start for start in map(line.find, _PROGRAMS) if start >= 0), default=-1)
    if at < 0:
        return False
    rest = line[at:]
    if "--approve-spec-as" in rest:
        return True
    behind = rest.partition("review")[2]
    if any(answer in behind for answer in _ANSWERS):
        return True
    words = "".join(char if char.isalnum() else " " for char in rest).split()
    return any(
        (first, second) in (("guard", "off"), ("new", "workspace"), ("confirm", "from"))
        or (first == "contract" and second in _CONTRACT)
        for first, second in zip(words, words[1:])
    )


def is_confirming(words: list[str], dynamic: list[bool]) -> bool:
    """Return whether `correctless WORDS` confirms, approves or grants; a dynamic word may."""
    plain = [word for word in words if not word.startswith("-")]
    verb = plain[0] if plain else ""
    unknown = any(dynamic)
    if words and dynamic[0]:
        return True
    if verb in ("hook", "confirm-from-github"):  # they record what you typed, into Claude Code or on GitHub
        return True
    if verb == "review":
        return unknown or any(word.startswith(("--confirm", "--reject", "--rerun")) for word in words)
    if verb == "guard":
        return unknown or "off" in plain
    if verb in _WITHIN:
        inner = plain[1] if len(plain) > 1 else ""
        return inner in _WITHIN[verb] or (
            words.index(verb) + 1 < len(words) and dynamic[words.index(verb) + 1]
        )
    if verb == "cauto":
        # a dynamic word after an option is its value
        granting = (
            ("--approve-spec-as", "--max-usd", "--max-minutes", "--take-over")
            if "resume" in plain
            else ("--approve-spec-as", "--abandon")
        )
        loose = any(d and not words[at - 1].startswith("--") for at, d in enumerate(dynamic) if at)
        return loose or any(word.startswith(granting) for word in words)
    return False
