"""How the tests of one folder are run, by the files that its tools have there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from correctless.setup.listing import Listing, value

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundTests:
    """A test command of one folder: `because` names the file that shows it, `leaves` what it leaves behind."""

    ecosystem: str
    folder: str  # relative to the top; "" for the top
    argv: Argv
    because: str
    leaves: tuple[str, ...] = ()


def found(listing: Listing, folder: str = "") -> Iterator[FoundTests]:
    """Yield the test command of each ecosystem that has tests in this folder, `make` last."""
    names = frozenset(listing.files(folder))
    if not names:
        return
    for ecosystem, (look, leaves) in _ECOSYSTEMS.items():
        if result := look(listing, folder, names):
            argv, because = result
            yield FoundTests(ecosystem, folder, argv, because, leaves)


Result = tuple[Argv, str] | None


def _python(listing: Listing, folder: str, names: frozenset[str]) -> Result:
    pyproject = listing.toml(_in(folder, "pyproject.toml")) if "pyproject.toml" in names else {}
    before = _RUNNERS.get(next((lock for lock in _RUNNERS if lock in names), ""), ())
    python: Argv = (*before, "python") if before else ("python3",)
    if because := _pytest(listing, folder, names, pyproject):
        return (*python, "-m", "pytest", "-q"), because
    if "tox.ini" in names:
        return ("tox",), "tox.ini"
    if value(pyproject, "tool", "tox") is not None:
        return ("tox",), "[tool.tox] in pyproject.toml"
    if "noxfile.py" in names:
        return ("nox",), "noxfile.py"
    if "manage.py" in names and "django" in listing.text(_in(folder, "manage.py")):
        return (*python, "manage.py", "test"), "manage.py"
    for place in ("", "tests", "test"):
        below = _in(folder, place)
        files = listing.files(below) if place else tuple(sorted(names))
        if test := next((name for name in files if re.fullmatch(r"test.*\.py", name)), None):
            # unittest looks only into packages
            apart = place and "__init__.py" not in files
            more = ("discover", "-s", place) if apart else ()
            return (*python, "-m", "unittest", *more), _in(place, test)
    return None


_RUNNERS: dict[str, Argv] = {
    "uv.lock": ("uv", "run"),
    "poetry.lock": ("poetry", "run"),
    "pdm.lock": ("pdm", "run"),
    "Pipfile.lock": ("pipenv", "run"),
}
_REQUIREMENTS = re.compile(r"(?:dev-|test-)?requirements[\w.-]*\.txt|Pipfile|setup\.(?:py|cfg)")
_MENTIONED = re.compile(r"(?<![\w.-])pytest(?![\w-])")
_IMPORTED = re.compile(r"^(?:import|from) pytest\b", re.MULTILINE)
_MOST_TESTS = 50  # files that are looked into for an import


def _pytest(listing: Listing, folder: str, names: frozenset[str], pyproject: object) -> str:
    for name in ("pytest.ini", ".pytest.ini", "pytest.toml", "conftest.py"):
        if name in names:
            return name
    if isinstance(pyproject, dict):
        if value(pyproject, "tool", "pytest") is not None:
            return "[tool.pytest] in pyproject.toml"
        if _MENTIONED.search(repr([value(pyproject, *keys) for keys in _DEPENDENCIES])):
            return "pytest in pyproject.toml"
    for name in sorted(filter(_REQUIREMENTS.fullmatch, names)):
        if _MENTIONED.search(listing.text(_in(folder, name))):
            return f"pytest in {name}"
    for place in ("tests", "test", ""):
        files = [name for name in listing.files(_in(folder, place)) if name.endswith(".py")]
        if "conftest.py" in files:
            return _in(place, "conftest.py")
        for name in [each for each in files if re.match(r"test_|.*_test\.py", each)][:_MOST_TESTS]:
            if _IMPORTED.search(listing.text(_in(folder, _in(place, name)))):
                return f"pytest in {_in(place, name)}"
    return ""


_DEPENDENCIES = (
    ("project", "dependencies"),
    ("project", "optional-dependencies"),
    ("dependency-groups",),
    ("tool", "poetry"),
    ("tool", "uv", "dev-dependencies"),
    ("tool", "pdm", "dev-dependencies"),
    ("tool", "hatch", "envs"),
)


def _node(listing: Listing, folder: str, names: frozenset[str]) -> Result:
    if "package.json" not in names:
        return None
    package = listing.json(_in(folder, "package.json"))
    script = value(package, "scripts", "test")
    # What `npm init` writes is no test.
    if not isinstance(script, str) or not script.strip() or "no test specified" in script:
        return None
    return (*_manager(listing, folder, names, package), "test"), "the script test in package.json"


_LOCKS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}


def _manager(listing: Listing, folder: str, names: frozenset[str], package: object) -> Argv:
    stated = package.get("packageManager") if isinstance(package, dict) else None
    name = str(stated).partition("@")[0] if stated else ""
    if name not in _LOCKS.values():
        name = next((manager for lock, manager in _LOCKS.items() if lock in names), "")
    if not name and folder:  # a workspace: the lock is above
        return _manager(
            listing, os.path.dirname(folder), frozenset(listing.files(os.path.dirname(folder))), {}
        )
    # `bun test` is its own runner, not the script.
    return ("bun", "run") if name == "bun" else (name or "npm",)


def _go(_listing: Listing, _folder: str, names: frozenset[str]) -> Result:
    return (("go", "test", "./..."), "go.mod") if "go.mod" in names else None


def _rust(listing: Listing, folder: str, names: frozenset[str]) -> Result:
    if "Cargo.toml" not in names:
        return None
    workspace = value(listing.toml(_in(folder, "Cargo.toml")), "workspace") is not None
    return ("cargo", "test", "--quiet", *(("--workspace",) if workspace else ())), "Cargo.toml"


def _maven(listing: Listing, folder: str, names: frozenset[str]) -> Result:
    if "pom.xml" not in names:
        return None
    return (*_wrapper(listing, folder, names, "mvnw", "mvn"), "-q", "-B", "test"), "pom.xml"


def _gradle(listing: Listing, folder: str, names: frozenset[str]) -> Result:
    files = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
    because = next((name for name in files if name in names), None)
    return ((*_wrapper(listing, folder, names, "gradlew", "gradle"), "test"), because) if because else None


def _wrapper(listing: Listing, folder: str, names: frozenset[str], wrapper: str, program: str) -> Argv:
    if wrapper not in names:
        return (program,)
    executable = os.access(os.path.join(listing.top, folder, wrapper), os.X_OK)
    return (f"./{wrapper}",) if executable else ("sh", f"./{wrapper}")


def _make(listing: Listing, folder: str, names: frozenset[str]) -> Result:
    # In the order in which make looks for them.
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if name in names:
            for target in ("test", "check"):
                # A target is no assignment: `test := a`.
                if re.search(rf"^{target}[ \t]*::?(?![:=])", listing.text(_in(folder, name)), re.MULTILINE):
                    return ("make", target), f"the target {target} in {name}"
            return None
    return None


_ECOSYSTEMS = {
    "Python": (_python, ("__pycache__/",)),
    "Node": (_node, ("node_modules/",)),
    "Go": (_go, ()),
    "Rust": (_rust, ("target/",)),
    "Java (Maven)": (_maven, ("target/",)),
    "Java (Gradle)": (_gradle, ("build/", ".gradle/")),
    "Make": (_make, ()),
}


def _in(folder: str, name: str) -> str:
    return "/".join(part for part in (folder, name) if part)
