"""Holds the regular expressions of the package to what the oldest Python reads rightly."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from places import PACKAGE


def text_of(node: ast.AST) -> str:
    """The text an expression stands for; what only a run knows of it is a group."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=bytes(data)):
            return data.decode("latin-1")
        case ast.JoinedStr(values=parts):
            return "".join(map(text_of, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left) + text_of(right)
    return "(?:x)"


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each string of a module with its line, whether `re` ever gets it or not: patterns are also kept in tables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
            yield node.lineno, text_of(node)


def misread_before_3_11_5(pattern: str) -> bool:
    """Whether a pattern has a possessive quantifier or an atomic group; a text that is no pattern has none."""

    def has(parsed: object) -> bool:
        if isinstance(parsed, tuple | list | re._parser.SubPattern):  # type: ignore[attr-defined]
            return any(map(has, parsed))
        # by identity: an operator equals the character of its number
        return parsed is re._constants.POSSESSIVE_REPEAT or parsed is re._constants.ATOMIC_GROUP  # type: ignore[attr-defined]

    try:
        return has(re._parser.parse(pattern))  # type: ignore[attr-defined]
    except (re.error, OverflowError, RecursionError):
        return False


@pytest.mark.parametrize(
    "source", ['"a*+"', '"x(?>ab)"', 'f"{a}++"', 'r"\\d{1,3}+" + b', 'b"[^x]?+"', '"(" + b + "++)"']
)
def test_what_is_looked_for_is_seen_in_every_spelling(source: str) -> None:
    assert any(misread_before_3_11_5(text) for _, text in texts(ast.parse(source)))


@pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning"
)  # texts that are no patterns
def test_no_pattern_needs_a_newer_re_than_the_oldest_python_has() -> None:
    assert [
        f"{path.relative_to(PACKAGE)}:{line}: {text}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, text in texts(ast.parse(path.read_bytes()))
        if misread_before_3_11_5(text)
    ] == []
