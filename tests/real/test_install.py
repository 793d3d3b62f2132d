"""The plugin installed by the real client: it loads, makes its environment once, says what a machine lacks, and can be removed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from conftest import Git, at_home
from correctless.base import exits
from installation import BASE, NAME, OLD, Machine
from places import ROOT
from plugin_client import Session
from project import Project
from scripted_model import Reply, tool

pytestmark = pytest.mark.real

DENIED = "correctless guard: "
KINDS = ("git", "folder")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Machine]:
    """A machine on which the plugin was installed, from each kind of place."""

    @cache
    def made(kind: str) -> Machine:
        machine = Machine(tmp_path_factory.mktemp("machine"), at_home(tmp_path_factory.mktemp("at-home")))
        machine.install(kind)
        return machine

    return made


@pytest.fixture
def machine(installed: Callable[[str], Machine], tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    """That machine again, as it was then; from where the plugin is says the test's `kind`."""
    named = getattr(request.node, "callspec", None)
    kind = named.params.get("kind", "git") if named else "git"
    return installed(kind).moved(tmp_path / "machine", Path(os.environ["HOME"]))


@pytest.fixture
def project(scratch_repo: Path, git: Git) -> Project:
    return Project(scratch_repo, git)


@pytest.fixture
def waiting(project: Project) -> Project:
    done = project.run()
    assert done.returncode == exits.PERSON, done.stderr
    return project


def bash(command: str) -> Reply:
    return Reply(tool("Bash", command=command))


def answer(project: Project) -> str:
    gate = project.state().gate
    assert gate is not None
    return f"confirm escalations {gate.digest[:12]}"


def confirmed(project: Project) -> list[str]:
    path = Path(project.logs.confirmations)
    said = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [each["channel"] for each in said if each["kind"] == "escalations"]


def shown(said: Session) -> str:
    return json.dumps(said.messages, ensure_ascii=False) + said.errors


def test_the_client_finds_nothing_wrong_with_it(machine: Machine) -> None:
    assert "Validation passed" in machine.plugin("validate", str(machine.market), "--strict")


@pytest.mark.parametrize("kind", KINDS)
def test_installed_it_loads_with_its_skills_and_hooks(machine: Machine, project: Project, kind: str) -> None:
    said = machine.session(project.top, "go on", bash("rm -rf .correctless/artifacts"))
    wanted = {f"correctless:{path.parent.name}" for path in (ROOT / "skills").glob("*/SKILL.md")}
    assert wanted <= set(said.init["slash_commands"])
    assert "correctless" in [each["name"] for each in said.init["plugins"]]
    assert not said.init.get("plugin_errors")
    assert DENIED in said.results[0]
    assert machine.installs() == 0  # the guard needs none


@pytest.mark.parametrize("first", ["the tool call", "the hook"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_call_and_a_hook_make_one_environment(
    machine: Machine, waiting: Project, kind: str, first: str
) -> None:
    root = machine.root(kind)

    def status() -> None:
        said = machine.session(
            waiting.top,
            "/correctless:cauto status",
            bash(f'"{root}/scripts/cauto" status'),
            allowed="Read",  # the rest is permitted by the skill itself
        )
        word = "waiting" if first == "the tool call" else "confirmed"
        assert f"status   {word}" in said.results[-1], said.results

    def speak() -> None:
        said = machine.session(waiting.top, answer(waiting))
        assert "2 decisions confirmed" in said.asked(), shown(said)

    for each in (status, speak) if first == "the tool call" else (speak, status):
        each()
    assert confirmed(waiting) == ["prompt"]
    assert machine.installs() == 1
    assert (machine.data / "venv/correctless.stamp").exists() == (kind == "git" or first == "the hook")


def test_an_update_keeps_the_environment(machine: Machine, project: Project) -> None:
    before = machine.root()
    machine.session(project.top, "go on", bash(f'"{before}/scripts/correctless" --version'))
    assert machine.installs() == 1
    for name in ("plugin.json", ".claude-plugin/plugin.json"):
        told = json.loads((machine.market / name).read_text())
        (machine.market / name).write_text(json.dumps({**told, "version": "9.9.9"}))
    machine.commit("a new version")
    machine.plugin("marketplace", "update", "correctless")
    machine.plugin("update", NAME)
    after = machine.root(version="9.9.9")
    said = machine.session(project.top, "go on", bash(f'"{after}/scripts/correctless" --version'))
    assert said.results == ["correctless 9.9.9"]
    assert machine.installs() == 1


def lacking(machine: Machine, what: str) -> str:
    """Takes something away from a machine; the words in which a door says so."""
    if what == "a network":
        (machine.bin / "uv").unlink()
        return r"the package index can not be reached .* run: python3 -m venv \S+/venv && "
    if what == "a network, with uv":
        machine.program("uv", 'echo "error: dns error" >&2; exit 2')
        return r"the package index can not be reached .* run: python3 -m venv \S+/venv && "
    if what == "a new Python":
        (machine.bin / "uv").unlink()
        machine.program("python3", f'exec {shlex.quote(BASE)} -I -S -c {shlex.quote(OLD)} "$@"')
        return r"there is no Python 3\.11 or newer on PATH\. run: sudo apt-get install "
    if what == "the venv module":
        (machine.bin / "uv").unlink()
        refuse = 'case "$*" in *find_spec* | *ensurepip* | "-I -m venv"*) echo "No module named ensurepip" >&2; exit 1 ;; esac'
        machine.program("python3", f'{refuse}\nexec {shlex.quote(BASE)} "$@"')
        return r"has no venv module\. run: sudo apt-get install python3\.\d+-venv"
    machine.data.mkdir(parents=True)
    (machine.data / "venv.lock").write_text("")  # a file in the way holds for root as well
    return r"cannot write to \S+/correctless-correctless\. run: python3 -m venv "


@pytest.mark.parametrize(
    "what", ["a network", "a network, with uv", "a new Python", "the venv module", "a place to write"]
)
def test_what_a_machine_lacks_is_said_with_its_fix_and_the_guard_works_all_the_same(
    machine: Machine, waiting: Project, what: str
) -> None:
    root = machine.root()
    message = lacking(machine, what)
    said = machine.session(
        waiting.top,
        "go on",
        bash("rm -rf .correctless/artifacts"),
        bash(f'"{root}/scripts/cauto" status; echo "code $?"'),
        bash("echo fine"),
    )
    assert DENIED in said.results[0]
    assert re.search(message, said.results[1]), said.results[1]
    assert said.results[1].endswith("code 3")
    assert said.results[2] == "fine"

    spoken = machine.session(waiting.top, answer(waiting))
    assert spoken.requests == ()  # a model that got it could take it for an answer
    assert re.search(message, shown(spoken)), shown(spoken)
    assert "your answer was not recorded" in shown(spoken)
    assert confirmed(waiting) == []

    plain = machine.session(waiting.top, "how do I confirm escalations?")
    assert plain.code == 0
    assert plain.requests != ()


def kept(top: Path) -> dict[str, str]:
    folder = top / ".correctless/artifacts"
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_removed_it_leaves_a_repository_usable_and_installed_again_it_goes_on(
    machine: Machine, waiting: Project, kind: str
) -> None:
    hooks = waiting.top / "hooks/hooks.json"
    change = Reply(tool("Write", file_path=str(hooks), content="{}\n"))
    under_way = machine.session(waiting.top, "go on", change)
    assert DENIED in under_way.results[0]
    before = kept(waiting.top)

    machine.plugin("uninstall", NAME)
    assert waiting.git(waiting.top, "status", "--porcelain") == ""
    assert kept(waiting.top) == before
    said = machine.session(
        waiting.top,
        "confirm escalations 0123456789ab",
        change,
        Reply(tool("Write", file_path=str(waiting.top / "src/x.py"), content="x = 1\n")),
        bash("git add --all && git commit -q -m 'by hand' && echo done"),
        bash("git push || echo tried"),
        bash("ls .correctless/artifacts | wc -l"),
    )
    assert "correctless" not in {each["name"] for each in said.init["plugins"]}
    assert not said.init.get("plugin_errors")
    assert "correctless guard" not in shown(said)
    assert "hook error" not in shown(said)
    assert hooks.exists()
    assert said.results[2] == "done"
    assert "tried" in said.results[3]
    assert kept(waiting.top) == before
    waiting.git(waiting.top, "reset", "-q", "--hard", "HEAD~1")
    status = waiting.cauto("status")  # by the checkout's door
    assert status.returncode == exits.OK, status.stderr
    assert waiting.state().run in status.stdout

    machine.plugin("install", NAME)
    again = machine.session(waiting.top, "go on", change)
    assert DENIED in again.results[0]
    machine.session(waiting.top, answer(waiting))
    assert confirmed(waiting) == ["prompt"]
    assert waiting.cauto("resume").returncode == exits.OK


@pytest.mark.parametrize("kind", ["folder"])
def test_a_plugin_whose_folder_is_gone_blocks_nothing(machine: Machine, waiting: Project, kind: str) -> None:
    root = machine.root(kind)
    said = machine.session(
        waiting.top,
        "go on",
        bash(f"mv {shlex.quote(str(root))} {shlex.quote(str(root) + '-gone')}"),
        bash("echo still here"),
        Reply(tool("Write", file_path=str(waiting.top / "src/x.py"), content="x = 1\n")),
    )
    assert said.results[1] == "still here"
    assert (waiting.top / "src/x.py").exists()
    assert "still here" in machine.session(waiting.top, "go on", bash("echo still here")).results
