"""`correctless init`: after it and a commit, `cauto check` passes, in every kind of repository; twice changes nothing."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import correctless
import forked
import terminal
from conftest import Git
from correctless.base import exits
from correctless.base.clock import utcnow
from correctless.ledger.chain import digest
from correctless.project import config, paths
from correctless.project.git import find
from correctless.review import open_set
from patience import PATIENCE
from places import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = f"acme/correctless@{COMMIT}"
CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"

# In the place of a tool that is not on every machine: it notes how it was called and leaves behind what the tool leaves.
PROGRAM = """\
#!/bin/sh
echo "$(basename "$0") $*" >>"{diary}"
for folder in {leaves}; do mkdir -p "$folder" && echo made >"$folder/made"; done
"""


class Place:
    """A repository on main, and the programs on PATH."""

    def __init__(self, top: Path, git: Git) -> None:
        self.top, self.git = top, git
        self.bin = top.parent / "bin"
        self.diary = top.parent / "calls"
        self.bin.mkdir()
        git(top, "switch", "-q", "main")
        # The interpreter of the tests is the python3 that has pytest.
        python = self.bin / "python3"
        python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        python.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}
        self.program("an-agent")

    def program(self, name: str, *leaves: str) -> None:
        path = self.bin / name
        path.write_text(PROGRAM.format(diary=self.diary, leaves=" ".join(leaves)))
        path.chmod(0o755)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def commit(self) -> None:
        self.git(self.top, "add", "--all", "--force")
        self.git(self.top, "commit", "-q", "-m", "x", "--allow-empty")

    def init(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return forked.run(["init", *words], cwd=self.top, env={**self.env, **(env or {})})

    def check(self, spec: str) -> subprocess.CompletedProcess[str]:
        words = ["cauto", "check", "--spec", spec, "--agent", "command:an-agent", "--sandbox", "off"]
        return forked.run(words, cwd=self.top, env=self.env)

    def tree(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.top)): path.read_bytes()
            for path in sorted(self.top.rglob("*"))
            if path.is_file() and ".git" not in path.relative_to(self.top).parts
        }

    def configuration(self) -> config.Config:
        return config.load(config.parse((self.top / config.PATH).read_bytes()))

    def next(self, said: subprocess.CompletedProcess[str]) -> str:
        return said.stdout.splitlines()[-1].removeprefix("Next: ")


@pytest.fixture
def place(scratch_repo: Path, git: Git) -> Place:
    return Place(scratch_repo, git)


UNITTEST = "import unittest\n\n\nclass T(unittest.TestCase):\n    def test(self):\n        pass\n"
PYTEST = "import pytest\n\n\ndef test():\n    assert pytest\n"


@dataclass(frozen=True)
class Kind:
    """A kind of repository: its files, the programs it needs with what they leave behind, and the command that is found."""

    files: Mapping[str, str]
    test: tuple[str, ...] | None
    programs: Mapping[str, tuple[str, ...]] = ()  # type: ignore[assignment]
    called: str = ""


KINDS = {
    "unittest": Kind({"test_a.py": UNITTEST}, ("python3", "-m", "unittest")),
    "unittest-apart": Kind({"a.py": "", "tests/test_a.py": UNITTEST}, ("python3", "-m", "unittest", "discover", "-s", "tests")),
    "pytest": Kind(
        {"pyproject.toml": '[dependency-groups]\ndev = ["pytest>=8"]\n', "tests/test_a.py": PYTEST},
        ("python3", "-m", "pytest", "-q"),
    ),
    "uv": Kind(
        {"pyproject.toml": "[tool.pytest.ini_options]\n", "uv.lock": "version = 1\n"},
        ("uv", "run", "python", "-m", "pytest", "-q"), {"uv": ("__pycache__",)}, "uv run python -m pytest -q",
    ),
    "tox": Kind({"tox.ini": "[tox]\n", "setup.py": ""}, ("tox",), {"tox": ()}, "tox "),
    "nox": Kind({"noxfile.py": "import nox\n"}, ("nox",), {"nox": ("__pycache__",)}, "nox "),
    "npm": Kind(
        {"package.json": '{"scripts": {"test": "node --test"}}', "package-lock.json": "{}"},
        ("npm", "test"), {"npm": ("node_modules",)}, "npm test",
    ),
    "pnpm": Kind(
        {"package.json": '{"scripts": {"test": "vitest run"}}', "pnpm-lock.yaml": "", ".gitignore": "dist/\n"},
        ("pnpm", "test"), {"pnpm": ("node_modules", "dist")}, "pnpm test",
    ),
    "bun": Kind({"package.json": '{"scripts": {"test": "x"}}', "bun.lock": ""}, ("bun", "run", "test"), {"bun": ()}, "bun run test"),
    "go": Kind({"go.mod": "module a\n", "a_test.go": "package a\n"}, ("go", "test", "./..."), {"go": ()}, "go test ./..."),
    "rust": Kind({"Cargo.toml": '[workspace]\nmembers = ["a"]\n', "Cargo.lock": ""}, ("cargo", "test", "--quiet", "--workspace"), {"cargo": ("target",)}, "cargo test --quiet --workspace"),
    "maven": Kind({"pom.xml": "<project/>"}, ("mvn", "-q", "-B", "test"), {"mvn": ("target",)}, "mvn -q -B test"),
    "gradle": Kind({"build.gradle.kts": "", "gradlew": "#!/bin/sh\nmkdir -p build .gradle && echo x >build/x && echo x >.gradle/x\n"}, ("sh", "./gradlew", "test")),
    "make": Kind({"Makefile": "test: ; @true\n"}, ("make", "test")),
    "monorepo-of-one": Kind({"backend/Cargo.toml": "", "web/index.html": ""}, ("sh", "-c", "cd -- backend && cargo test --quiet"), {"cargo": ("target",)}, "cargo test --quiet"),
    "monorepo-with-make": Kind(
        {"Makefile": "check:\n\t@true\n", "api/go.mod": "", "web app/package.json": '{"scripts": {"test": "x"}}'},
        ("make", "check"),
    ),
    "monorepo": Kind({"api/go.mod": "", "web app/package.json": '{"scripts": {"test": "x"}}'}, None),
    "no-tests": Kind({"index.html": "<p>"}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_after_init_and_a_commit_a_check_passes(name: str, place: Place) -> None:
    kind = KINDS[name]
    place.write(kind.files)
    for program, leaves in dict(kind.programs).items():
        place.program(program, *leaves)
    place.commit()
    before = place.git(place.top, "rev-parse", "main")
    said = place.init("--name", "Discount codes", "--ci", "--pre-commit", "--source", SOURCE)
    assert (said.returncode, said.stderr) == (0, "")
    assert place.configuration().commands.test == kind.test

    # The last line is the next command: typed as it is, it commits and checks.
    command = place.next(said)
    add, commit, check = command.split(" && ")
    spec = "docs/specs/discount-codes.md"
    assert check == f"correctless cauto check --spec {spec}"
    for words in (add, commit):
        place.git(place.top, *shlex.split(words)[1:])
    assert place.git(place.top, "status", "--porcelain") == ""
    assert place.git(place.top, "symbolic-ref", "--short", "HEAD") == "feature/discount-codes"
    assert place.git(place.top, "rev-parse", "HEAD^", "main") == f"{before}\n{before}"

    # All but the approval, which is yours.
    checked = place.check(spec)
    assert "is not approved yet" in checked.stderr, checked.stdout + checked.stderr
    repo = find(str(place.top))
    approved = digest((place.top / spec).read_bytes())
    paths.ensure_artifacts(paths.logs(repo))
    open_set.approve_spec(paths.logs(repo), approved, by="Ada", channel="terminal", now=utcnow())
    checked = place.check(spec)
    assert checked.returncode == exits.OK, checked.stdout + checked.stderr
    assert "FAILED" not in checked.stdout
    proved = [line for line in checked.stdout.splitlines() if " on the base commit: it passed" in line]
    assert len(proved) == (kind.test is not None)
    if kind.called:
        assert kind.called in place.diary.read_text().splitlines()

    tree = place.tree()
    again = place.init("--name", "Discount codes", "--ci", "--pre-commit", "--source", SOURCE)
    assert again.returncode == 0
    assert "nothing to change" in again.stdout
    assert place.next(again) == check
    assert place.tree() == tree
    assert place.git(place.top, "status", "--porcelain") == ""


def test_twice_without_a_commit_changes_nothing_and_the_next_command_commits_all(place: Place) -> None:
    place.write({"test_a.py": UNITTEST})
    place.commit()
    first = place.init()
    tree = place.tree()
    again = place.init()
    assert "nothing to change" in again.stdout
    assert place.tree() == tree
    assert place.next(again) == place.next(first)


def test_without_tests_it_says_so_and_leaves_a_comment(place: Place) -> None:
    said = place.init()
    assert "no tests were found" in said.stdout
    text = (place.top / config.PATH).read_text()
    assert "# commands:\n#   test: [make, test]\n" in text
    # The comment is a line that works.
    uncommented = text.replace("# commands:", "commands:").replace("#   test:", "  test:")
    assert config.load(config.parse(uncommented.encode())).commands.test == ("make", "test")


def test_a_monorepo_names_what_it_has_and_its_comments_are_lines_that_work(place: Place) -> None:
    place.write(KINDS["monorepo"].files)
    place.commit()
    said = place.init()
    assert (
        "go test ./... in api (Go, go.mod); npm test in web app (Node, the script test in package.json)"
        in said.stdout
    )
    rows = [row for row in (place.top / config.PATH).read_text().splitlines() if row.startswith("#   test: ")]
    found = [config.load(config.parse(f"commands:\n  {row[4:]}\n".encode())).commands.test for row in rows]
    assert found == [("sh", "-c", "cd -- api && go test ./..."), ("sh", "-c", "cd -- 'web app' && npm test")]


EXISTING = """\
# Ours. Do not sort.
pr:   'skip'            # for now

intensity: "standard"

labels: {team:  payments,   area: "x"}   # kept
pipelines:
    default:
        steps:
        -   skill: ctdd     # first
        - {skill: cdocs}

# the end
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_existing_configuration_keeps_every_byte_and_gets_what_is_missing(
    place: Place, newline: str
) -> None:
    text = EXISTING.replace("\n", newline)
    place.write({config.PATH: text, "Makefile": "test:\n\t@true\n"})
    place.commit()
    said = place.init()
    assert said.returncode == 0, said.stderr
    # As the file is indented, and before the comment that ends it.
    rows = f"commands:{newline}    test: [make, test]{newline}"
    after = (place.top / config.PATH).read_bytes().decode()
    assert after.replace(rows, "", 1) == text
    assert after.endswith(f"{rows}{newline}# the end{newline}")
    assert place.configuration().commands.test == ("make", "test")
    assert place.init().stdout.count("unchanged") == 2
    assert (place.top / config.PATH).read_bytes().decode() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "commands:\n  test:   # none yet\n# x",
            "commands:\n  test: [make, test]   # none yet\npr: skip\n# x",
        ),
        ("commands: {}  # x\n", "commands: {test: [make, test]}  # x\npr: skip\n"),
        ('{"pr": "skip", "commands": {}}', '{"pr": "skip", "commands": {"test": ["make", "test"]}}'),
        ('{"pr": "skip"}', '{"pr": "skip", "commands": {"test": ["make", "test"]}}'),
        ("# only this", "# only this\ncommands:\n  test: [make, test]\npr: skip\n"),
        ("pr: skip", "pr: skip\ncommands:\n  test: [make, test]\n"),
        ("commands: {test: null}\n", "commands: {test: [make, test]}\npr: skip\n"),
    ],
)
def test_what_is_missing_is_added_in_the_form_of_the_file(place: Place, before: str, after: str) -> None:
    place.write({config.PATH: before, "Makefile": "test:\n\t@true\n"})
    place.commit()
    said = place.init()
    assert said.returncode == 0, said.stderr
    assert (place.top / config.PATH).read_text() == after
    assert place.configuration().commands.test == ("make", "test")


def test_a_value_that_is_there_changes_only_by_an_option(place: Place) -> None:
    text = "commands:\n  test: [tox,  -q]  # slow\npr: skip\n"
    place.write({config.PATH: text, "test_a.py": UNITTEST})
    place.commit()
    assert place.init().returncode == 0
    assert (place.top / config.PATH).read_text() == text
    assert place.init("--test", "make 'a b'", "--pr", "gh").returncode == 0
    assert (place.top / config.PATH).read_text() == 'commands:\n  test: [make, "a b"]  # slow\npr: gh\n'


def test_the_job_has_no_right_but_to_read_and_runs_nothing_that_can_be_moved(place: Place) -> None:
    assert place.init("--ci", "--source", SOURCE).returncode == 0
    text = (place.top / ".github/workflows/correctless.yml").read_text()
    job = yaml.safe_load(text)
    assert job["permissions"] == {}
    assert job["jobs"]["lint"]["permissions"] == {"contents": "read"}
    steps = job["jobs"]["lint"]["steps"]
    assert [step["uses"] for step in steps if "uses" in step] == [CHECKOUT, CHECKOUT]
    assert all(step["with"]["persist-credentials"] is False for step in steps if "uses" in step)
    assert steps[1]["with"] | {"persist-credentials": 0} == {
        "repository": "acme/correctless", "ref": COMMIT, "path": ".correctless-tool", "persist-credentials": 0,
    }  # fmt: skip
    assert "secrets" not in text
    assert "${{" not in "".join(step.get("run", "") for step in steps)
    # Its command passes here as there: a repository without a skill has nothing to lint.
    words = shlex.split(steps[2]["run"])[1:]
    assert forked.run(words, cwd=place.top, env=place.env).returncode == 0


def test_without_a_place_to_get_correctless_from_no_job_is_made(place: Place) -> None:
    # What pip would get by the name alone may be anyone's.
    place.write({".github/dependabot.yml": ""})
    place.commit()
    said = place.init()
    assert said.returncode == 0
    assert "no CI job was made" in said.stdout
    assert not (place.top / ".github/workflows").exists()
    assert place.init("--ci").returncode == exits.USAGE
    for source in ("acme/correctless@main", "acme/correctless", "../x@" + COMMIT, f"acme/a b@{COMMIT}", f"acme/x@{COMMIT[:12]}"):  # fmt: skip
        assert place.init("--ci", "--source", source).returncode == exits.USAGE, source


def test_the_hook_is_one_more_item_of_an_existing_list(place: Place) -> None:
    text = "# ours\nrepos:\n- repo: local\n  hooks:\n  - id: x   # y\n\nci:\n  skip: [x]\n"
    place.write({".pre-commit-config.yaml": text})
    place.commit()
    assert place.init("--source", SOURCE).returncode == 0
    after = (place.top / ".pre-commit-config.yaml").read_text()
    rows = f"- repo: https://github.com/acme/correctless\n  rev: {COMMIT}\n  hooks:\n    - id: correctless-lint\n"
    assert after.replace(rows, "", 1) == text
    assert yaml.safe_load(after)["repos"][1]["hooks"] == [{"id": "correctless-lint"}]
    assert place.init("--source", SOURCE).returncode == 0
    assert (place.top / ".pre-commit-config.yaml").read_text() == after


def test_a_dry_run_shows_each_change_and_writes_nothing(place: Place) -> None:
    place.write({"Makefile": "test:\n\t@true\n"})
    place.commit()
    tree, head = place.tree(), place.git(place.top, "symbolic-ref", "HEAD")
    said = place.init("--dry-run", "--pre-commit")
    assert said.returncode == 0
    assert "+++ b/.correctless/config/correctless.yaml" in said.stdout
    assert "+  test: [make, test]" in said.stdout
    assert "would create  .pre-commit-config.yaml" in said.stdout
    shown = json.loads(place.init("--dry-run", "--json").stdout)
    assert (shown["dry_run"], shown["branch"], shown["new_branch"]) == (True, "feature/first-change", True)
    assert [each["action"] for each in shown["files"]] == ["create", "create"]
    assert shown["test"] == ["make", "test"]
    assert (place.tree(), place.git(place.top, "symbolic-ref", "HEAD")) == (tree, head)
    assert not (place.top / ".git/correctless.lock").exists()


def test_after_a_dry_run_the_next_command_writes_what_it_showed(place: Place) -> None:
    place.write({"Makefile": "test:\n\t@true\n"})
    place.commit()
    words = [
        "--name",
        "Ada's list",
        "--test",
        "make 'a b'",
        "--pr",
        "skip",
        "--pre-commit",
        "--no-ci",
        "--agent",
        "command:an-agent",
    ]
    shown = json.loads(place.init(*words, "--dry-run", "--json").stdout)
    command = shlex.split(shown["next"])
    assert command[:2] == ["correctless", "init"]
    written = json.loads(place.init(*command[2:], "--json").stdout)
    assert written["files"] == shown["files"]
    assert written["branch"] == shown["branch"] == "feature/ada-s-list"
    assert place.configuration().agent == "command:an-agent"


def test_the_pins_and_patterns_are_those_of_this_repository(place: Place) -> None:
    """Each fact has another home, which a file that is written elsewhere cannot read."""
    assert CHECKOUT in (ROOT / ".github/workflows/ci.yml").read_text()
    assert place.init("--pre-commit").returncode == 0
    [local] = yaml.safe_load((place.top / ".pre-commit-config.yaml").read_text())["repos"]
    [ours] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    [hook] = local["hooks"]
    assert local["repo"] == "local"
    assert {key: hook[key] for key in ("id", "name", "entry", "files", "require_serial")} == {
        key: ours[key] for key in ("id", "name", "entry", "files", "require_serial")
    }


def test_on_a_branch_of_its_own_no_branch_is_made_and_the_spec_has_its_name(place: Place) -> None:
    place.git(place.top, "switch", "-q", "-c", "ada/fix-login")
    shown = json.loads(place.init("--json").stdout)
    assert (shown["branch"], shown["new_branch"], shown["spec"]) == (
        "ada/fix-login",
        False,
        "docs/specs/fix-login.md",
    )
    assert (place.top / "docs/specs/fix-login.md").read_text().startswith("# Fix login\n")


def test_a_file_that_it_did_not_make_stays(place: Place) -> None:
    files = {"docs/specs/first-change.md": "# Mine\n", ".github/workflows/correctless.yml": "on: push\n"}
    place.write(files)
    place.commit()
    said = place.init("--ci", "--source", SOURCE)
    assert said.returncode == 0
    assert said.stdout.count("is there already") == 2
    assert {name: (place.top / name).read_text() for name in files} == files


def _link(path: Path) -> None:
    path.symlink_to(path.parents[3] / "elsewhere")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _big(path: Path) -> None:
    path.write_bytes(b"#" * ((1 << 20) + 1))


def _not_yaml(path: Path) -> None:
    path.write_text("pr: [skip\n")


def _unknown(path: Path) -> None:
    path.write_text("intensty: high\n")


def _not_text(path: Path) -> None:
    path.write_bytes(b"pr: \xff\n")


@pytest.mark.parametrize("thing", [_link, _fifo, _folder, _big, _not_yaml, _unknown, _not_text])
@pytest.mark.parametrize("name", [config.PATH, ".correctless", ".pre-commit-config.yaml", "docs/specs"])
def test_what_is_in_the_way_is_named_and_nothing_is_written_through_it(
    place: Place, name: str, thing: object
) -> None:
    path = place.top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    thing(path)  # type: ignore[operator]
    if thing is _folder and name in (".correctless", "docs/specs"):
        assert place.init("--pre-commit").returncode == 0
        return
    if thing is _unknown and name == ".pre-commit-config.yaml":
        assert place.init("--pre-commit").returncode == 0  # it is no one's schema here
        return
    before = os.lstat(path)
    said = place.init("--pre-commit")
    assert said.returncode == exits.REFUSED
    assert name in said.stderr
    assert len(said.stderr.splitlines()) == 1
    after = os.lstat(path)
    assert (stat.S_IFMT(after.st_mode), after.st_size, after.st_mtime_ns) == (stat.S_IFMT(before.st_mode), before.st_size, before.st_mtime_ns)  # fmt: skip
    assert not (place.top.parent / "elsewhere").exists()
    assert place.git(place.top, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_names_and_texts_of_a_hostile_repository_end_nothing_and_run_nothing(place: Place) -> None:
    place.write(
        {
            "package.json": "[" * 100_000,
            "pyproject.toml": "a = " + "[" * 5000,
            "$(touch stolen)/go.mod": "",
            "-rf/Cargo.toml": "",
            "a\nb/go.mod": "",
            "c\u202ed/pom.xml": "",
            "it's; touch stolen2 #/pom.xml": "",
            "Makefile": "test := x\n",
        }
    )
    (place.top / "loop").symlink_to(place.top)
    os.mkfifo(place.top / "noxfile.py")
    os.mkfifo(place.top / "tox.ini")
    said = place.init()
    assert said.returncode == 0, said.stderr
    assert "\u202e" not in said.stdout
    rows = [row for row in (place.top / config.PATH).read_text().splitlines() if row.startswith("#   test: ")]
    commands = [config.load(config.parse(f"commands:\n  {row[4:]}\n".encode())).commands.test for row in rows]
    assert len(commands) == 3
    for program in ("go", "cargo", "mvn"):
        place.program(program)
    for command in commands:
        assert command is not None
        subprocess.run(command, cwd=place.top, env=place.env, check=True, timeout=PATIENCE)
    assert sorted(line.split()[0] for line in place.diary.read_text().splitlines()) == ["cargo", "go", "mvn"]
    assert not list(place.top.rglob("stolen*"))


def test_inside_an_agent_without_a_commit_and_outside_of_a_repository_it_refuses(
    place: Place, tmp_path: Path
) -> None:
    assert place.init(env={"CORRECTLESS_AGENT": "1"}).returncode == exits.REFUSED
    assert "inside an agent" in place.init(env={"CORRECTLESS_AGENT": "1"}).stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert forked.run(["init"], cwd=empty, env=place.env).returncode == exits.REFUSED
    place.git(empty, "init", "-q")
    said = forked.run(["init"], cwd=empty, env=place.env)
    assert (said.returncode, "no commit yet" in said.stderr) == (exits.REFUSED, True)
    assert sorted(path.name for path in empty.iterdir()) == [".git"]


def test_a_branch_that_exists_is_not_taken(place: Place) -> None:
    place.git(place.top, "branch", "feature/first-change")
    said = place.init()
    assert said.returncode == exits.REFUSED
    assert "git switch feature/first-change" in said.stderr
    assert not (place.top / ".correctless").exists()


def test_a_run_at_work_is_not_disturbed(place: Place) -> None:
    from correctless.project.lock import Lock

    with Lock.take(find(str(place.top)), "a run"):
        assert place.init().returncode == exits.LOCKED
    assert not (place.top / ".correctless").exists()


def test_on_a_terminal_it_asks_and_enter_takes_what_is_shown(place: Place) -> None:
    place.write(KINDS["monorepo"].files)
    place.commit()
    child = terminal.spawn([*correctless.itself(), "init"], place.top, place.env)
    code, shown = terminal.typed(
        child,
        [
            ("What is the first run about", "Discount codes"),
            ("Which command tests", "2"),
            ("pre-commit", "y"),
        ],
    )
    assert code == 0, shown
    assert place.configuration().commands.test == ("sh", "-c", "cd -- 'web app' && npm test")
    assert (place.top / "docs/specs/discount-codes.md").exists()
    assert (place.top / ".pre-commit-config.yaml").exists()
    assert place.git(place.top, "symbolic-ref", "--short", "HEAD") == "feature/discount-codes"


def test_on_a_terminal_with_yes_and_without_one_nothing_is_asked(place: Place) -> None:
    code, shown = terminal.ended(
        terminal.spawn([*correctless.itself(), "init", "--yes"], place.top, place.env)
    )
    assert (code, "?" in shown) == (0, False)
