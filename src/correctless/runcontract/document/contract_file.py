"""Reader of contract.md: its digest, its typed sections, and all its faults as findings."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from correctless.base.lazy_re import lazily
from correctless.base.text import hidden, one_line
from correctless.base.values import frozen
from correctless.runcontract.document import typed
from correctless.runcontract.document.plaintext import LONGEST, position, text_of
from correctless.runcontract.document.sections import SECTIONS, Contract
from correctless.runcontract.document.slices import Slice, agrees, slices
from correctless.syntax.finding import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from correctless.syntax.toml_text import Path, Places

GAP = "[?: need operator input]"
GAP_RULE = "contract-gap"
_GAP = "[?:"  # any spelling of one
_TOML = "contract-toml"
_VALUE = "contract-value"
_DEEPEST = 16
_AT = lazily(r" \(at (?:line (\d+), column (\d+)|end of document)\)")


@frozen
class ContractDocument:
    """One contract as read; `contract` is None unless it has no fault and no gap."""

    digest: str  # SHA-256 of the exact bytes
    contract: Contract | None
    findings: tuple[Finding, ...]

    @property
    def gaps(self) -> tuple[Finding, ...]:
        """Return the findings about what the draft does not state yet."""
        return tuple(f for f in self.findings if f.rule == GAP_RULE)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Return the other findings: each makes the contract invalid."""
        return tuple(f for f in self.findings if f.rule != GAP_RULE)


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of a contract's exact bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read(data: bytes, path: str) -> ContractDocument:
    """Return the document with everything that is wrong with it; no bytes make it raise."""
    digest = digest_of(data)
    try:
        return _read(data, path, digest)
    except (ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        # A rollback must not depend on what is written in the file.
        message = f"it can't be read: {type(error).__name__}. simplify it"
        return ContractDocument(digest, None, (Finding(path, 1, 1, "contract-text", message),))


def _read(data: bytes, path: str, digest: str) -> ContractDocument:
    # Only for faults and their places: `reread` needs neither, and an agent waits for it.
    from correctless.runcontract.document import crossref
    from correctless.syntax.toml_text import places

    text, findings = text_of(data, path)
    if not text:
        empty = Finding(path, 1, 1, "contract-text", "empty. write a contract")
        return ContractDocument(digest, None, findings or (empty,))
    cut, structure = slices(text, path)
    all_findings = [*findings, *structure, *_gaps(text, path)]
    if not structure:
        all_findings += agrees(text, path)
    values: dict[str, Any] = {}
    where: dict[str, tuple[Slice, Places]] = {}
    for part in cut:
        table, faults = _table(part, path)
        all_findings += faults
        if table is None:
            continue
        where[part.name] = (part, places(part.toml))
        section, faults = _typed(part, where[part.name][1], table, path)
        all_findings += faults
        if section is not None:
            values[part.name] = section
    for name, at, message in crossref.faults(values):
        part, spots = where[name]
        line, column = spots.of(at)
        all_findings.append(Finding(path, part.line + line - 1, column, "contract-reference", message))
    contract = Contract(**values) if not all_findings and len(values) == len(SECTIONS) else None
    return ContractDocument(digest, contract, tuple(sorted(all_findings, key=_order)))


def reread(data: bytes, digest: str) -> Contract:
    """Return the contract of bytes that `read` accepted before; `ValueError` for other bytes, or faulty ones.

    Takes a tenth of the time of `read`, because it needs no library for Markdown or types. The document was checked when
    these very bytes were surfaced and pinned.
    """
    if digest_of(data) != digest:
        raise ValueError("these are other bytes")
    text, findings = text_of(data, "contract.md")
    cut, structure = slices(text, "contract.md")
    if findings or structure or _GAP in text:
        raise ValueError("this contract is not finished")
    kinds = {name: kind for _, name, kind in SECTIONS}
    return Contract(**{part.name: typed.build(kinds[part.name], tomllib.loads(part.toml)) for part in cut})


def sections_of(text: str) -> dict[str, str]:
    """Return the text of each `##` section by its title, "" before the first, also of a faulty document."""
    sections: dict[str, str] = {}
    title = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("## "):
            title = line[3:].strip()
        sections[title] = sections.get(title, "") + line
    return sections


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the typed sections, by section."""
    from pydantic import TypeAdapter

    return dict(TypeAdapter(typed.prepared(Contract)).json_schema())


def _order(finding: Finding) -> tuple[int, int, str]:
    return (finding.line, finding.column, finding.message)


def _gaps(text: str, path: str) -> Iterator[Finding]:
    at = text.find(_GAP)
    while at >= 0:
        line, column = position(text, at)
        message = f"a gap. replace {GAP} by what the operator says"
        yield Finding(path, line, column, GAP_RULE, message, "warning")
        at = text.find(_GAP, at + 1)


def _table(part: Slice, path: str) -> tuple[Mapping[str, Any] | None, list[Finding]]:
    if max(map(len, part.toml.split("\n"))) > LONGEST:
        return None, []  # a fault already, and a key of 100,000 parts takes minutes
    try:
        table = tomllib.loads(part.toml)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        why = str(error) or "it can't be read"
        at = _AT.search(why)
        line, column = (int(at[1]), int(at[2])) if at and at[1] else (max(1, part.toml.count("\n")), 1)
        message = f"not TOML: {_AT.sub('', why).rstrip('.')}. fix it"
        return None, [Finding(path, part.line + line - 1, column, _TOML, one_line(message))]
    if _is_deeper(table, _DEEPEST):
        message = f"nested deeper than {_DEEPEST}. see correctless contract schema"
        return None, [Finding(path, part.line, 1, _TOML, message)]
    return table, []


def _is_deeper(table: Any, most: int) -> bool:
    level = [table]  # without recursion: a key of 2000 parts is as deep
    for _ in range(most):
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
    return bool(level)


def _typed(part: Slice, spots: Places, table: Mapping[str, Any], path: str) -> tuple[Any, list[Finding]]:
    """Return the values of one section, None with a fault or gap, and its faults; `_gaps` reports the gaps."""
    gaps = [at for at, value in _leaves(table) if isinstance(value, str) and _GAP in value]
    findings = []
    for at, value in _leaves(table):
        if isinstance(value, str) and (char := hidden(value)) is not None:
            line, column = spots.of(at)
            message = f"a hidden character U+{ord(char):04X} in the value. remove it"
            findings.append(Finding(path, part.line + line - 1, column, _VALUE, message))
    reported = {(f.line, f.column) for f in findings}
    kind = next(kind for _, name, kind in SECTIONS if name == part.name)
    section: Any = None
    errors: list[tuple[Path, str, bool]] = []
    try:
        section = typed.build(kind, table)
    except ValueError:
        # pydantic takes a third of a lint's time to import: only a fault needs it, for its place.
        section, errors = typed.validated(kind, table)
    for at, message, is_key in errors:
        if any(at[: len(gap)] == gap for gap in gaps):
            continue
        line, column = spots.of(at, key=is_key)
        if (part.line + line - 1, column) not in reported:
            findings.append(Finding(path, part.line + line - 1, column, _VALUE, one_line(message)))
    return (None if findings or gaps else section), findings


def _leaves(value: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*at, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, (*at, number))
    else:
        yield at, value
