"""Holds the rooms: what each module of the package may import of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "correctless"

# From the ground up; a module imports only from rows above its own. A folder counts as one module.
ROOMS: tuple[tuple[str, ...], ...] = (
    (
        "exits",
        "base",
        "orphans",
        "patterns",
        "places",
        "values",
        "guard",
    ),  # guard imports nothing: it runs without the package's environment
    ("finding", "process"),
    ("record", "yamltext", "project", "github"),
    ("skillmd", "ledger", "config", "person", "lock", "skills", "plugins", "sandbox"),
    ("contract", "runlog", "agents"),
    ("rules", "capture", "gate", "summary", "history", "runcontract"),
    ("lint", "review", "publish", "repair", "report"),
    ("dispatch", "witnesses"),
    ("fleet", "demo", "hooks"),
    ("cli",),
    ("__main__",),
)

# One noun in several files, which may import each other: file -> the module of ROOMS it is a part of.
PART_OF = {
    "lineage": "process",  # what a program started and still runs
    "block": "capture",  # what an answer says, before it is corrected
    "correction": "capture",  # the corrections themselves
    "remarks": "capture",  # what was corrected, in words
    "decisions": "capture",  # what an answer reports beside its blocks
    "chain": "ledger",  # the hash chain of the log's lines
    "logfile": "ledger",  # the file under the log
    "heads": "ledger",  # the private copy of its heads
    "workspaces": "ledger",  # a folder of logs that a person said is new
    "anchors": "gate",  # what was noted of a log outside it
    "logcheck": "ledger",  # what verify finds
    "coverage": "gate",  # which lines an answer covers
    "inheritance": "gate",  # what a branch inherits with the work it carries
    "counts": "summary",  # the log in numbers
    "sarif": "finding",  # findings as a SARIF log
    "subject": "rules",  # one file as rules see it
    "agentfile": "rules",  # an agent as it is loaded
    "askpoints": "rules",  # where a skill asks a person
    "shape": "rules",  # the forms of JSON values
    "hookset": "rules",  # hooks as they are written
    "sources": "rules",  # where the plugins of a marketplace lie
    "prose": "rules",  # the sentences of a skill
    "entry": "contract",  # the text of one entry of the contract
    "markdown": "skillmd",  # the Markdown skillmd reads
    "jsontext": "yamltext",  # JSON as the same nodes
    "yamlnodes": "yamltext",  # what YAML says, with positions
    "yamlrepair": "yamltext",  # what can be saved of a block that YAML refuses
}

# `import correctless` itself: nothing is imported before it is asked for, and this is what rooms may ask for.
OF_THE_PACKAGE = {"itself", "__version__"}

RANK = {name: rank for rank, row in enumerate(ROOMS) for name in row}


def house(module: str) -> str:
    return PART_OF.get(module, module)


def files() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def module_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[int, str]]:
    """The line and the top module of each import of the package, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top, _, rest = alias.name.partition(".")
                if top == "correctless" and rest:
                    yield node.lineno, rest.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, f"(relative import in {path.name})"
            elif node.module == "correctless":
                for alias in node.names:
                    if alias.name not in OF_THE_PACKAGE:
                        yield node.lineno, alias.name
            elif node.module and node.module.startswith("correctless."):
                yield node.lineno, node.module.split(".")[1]


def faults(text: str, path: Path) -> list[str]:
    own = house(module_of(path))
    found = []
    for line, module in imports(ast.parse(text), path):
        above = house(module)
        if above == own:
            continue
        if above not in RANK:
            found.append(f"{path}:{line}: '{module}' stands in no room")
        elif RANK[above] >= RANK[own]:
            found.append(f"{path}:{line}: '{own}' imports '{module}', which is not in a room above it")
    return found


def test_every_module_stands_in_a_room() -> None:
    assert {house(module_of(path)) for path in files()} <= RANK.keys()


def test_every_module_imports_only_from_rooms_above_it() -> None:
    assert [fault for path in files() for fault in faults(path.read_text(), path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import correctless.dispatch.core.engine",
        "from correctless.dispatch import engine",
        "from correctless import dispatch",
        "def late() -> None:\n    from correctless.cli import main",
        "from correctless.review import open_set as review",  # the same room
        "from . import engine",
        "from correctless import nonesuch",
    ],
)
def test_an_import_from_a_room_below_is_seen_however_it_is_written(line: str) -> None:
    assert len(faults(line, SOURCE / "publish" / "branch.py")) == 1


def test_only_the_package_itself_names_the_library_functions() -> None:
    for path in files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "correctless":
                names = {alias.name for alias in node.names}
                assert not names & {"read_skill", "Ledger", "summarise"}, (
                    f"{path}: import from the module instead"
                )
