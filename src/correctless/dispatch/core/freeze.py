"""The frozen plan of a run, and the exact files it is executed from.

Nothing is written here: a run that is refused leaves no trace. `store` writes the frozen files once the run is to begin,
`frozen` reads one back and refuses it when a byte differs from what the plan names.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from correctless import agents
from correctless.agents import recorder
from correctless.base import below, exits, install
from correctless.base.exits import Stop
from correctless.dispatch.core import policy, policy_changes
from correctless.dispatch.tell import notify
from correctless.lint import rules
from correctless.project import plugins
from correctless.project.config import REPORTS, TESTED, Config, Step
from correctless.project.git import Repo
from correctless.project.paths import Logs
from correctless.runlog.plan import Plan, PlannedStep
from correctless.skill import contract
from correctless.skill.contract import SkillContract
from correctless.syntax.strict_json import RecordError, strict_json

SPEC = "spec.md"
INSTRUCTIONS = "instructions.md"
MCP = "mcp.json"
_INSTRUCTION_FILES = ("CLAUDE.md", ".claude/CLAUDE.md", "AGENTS.md")
_LARGEST = 8 << 20  # bytes of one skill's folder: it is copied for every run
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# Claude Code's names of what a step needs when its skill doesn't say.
_TOOLS = ("Read", "Edit", "Write", "Glob", "Grep", "Bash")


@dataclass(frozen=True, slots=True)
class Frozen:
    """A plan and its files, by their path in the run's frozen folder."""

    plan: Plan
    files: Mapping[str, bytes]


def freeze(
    repo: Repo,
    config: Config,
    *,
    branch: str,
    base: str,
    spec: str,
    spec_bytes: bytes,
    pipeline: str,
    branch_slug: str,
    target: str,
    env: Mapping[str, str],
    park: str | None = None,
    merge: str = "",
) -> Frozen:
    """Return the plan of a run and its files.

    Raises: `Stop(3)` with every skill that is missing or cannot run unattended.
    """
    notify.refuse_inside(config.notify, repo)
    files: dict[str, bytes] = {SPEC: spec_bytes}
    steps: list[PlannedStep] = []
    left_out: dict[str, str] = {}
    faults: list[str] = []
    seen: dict[str, int] = {}
    for step in config.pipeline(pipeline).steps:
        base_name = step.skill.rpartition(":")[2]
        seen[base_name] = seen.get(base_name, 0) + 1
        name = base_name if seen[base_name] == 1 else f"{base_name}-{seen[base_name]}"
        reason = _left_out(step, config)
        if reason:
            left_out[name] = reason
            continue
        try:
            folder = find_skill(repo, step.skill, env)
            stated = contract.read_skill(folder)
            refuse(stated)
        except Stop as stop:
            faults.append(stop.message)
            continue
        of_skill = dict(_folder_files(folder))
        files.update({f"{name}/{path}": data for path, data in of_skill.items()})
        steps.append(_planned(repo, name, step, stated, config, of_skill, branch_slug))
    if faults:
        raise Stop(exits.REFUSED, "; ".join(faults))
    if not steps:
        why = ", ".join(f"{name} ({reason})" for name, reason in left_out.items())
        raise Stop(
            exits.REFUSED,
            f"pipeline '{pipeline}' has no step to run: {why}. choose another intensity or pipeline",
        )
    instructions = _instructions(repo, base)
    if instructions:
        files[INSTRUCTIONS] = instructions
    servers = _mcp(repo, base, config.agent_mcp) if config.agent_mcp else None
    if servers is not None:
        files[MCP] = servers
    return Frozen(
        plan=Plan(
            branch=branch,
            base=base,
            spec=spec,
            spec_sha256=_sha256(spec_bytes),
            pipeline=pipeline,
            steps=tuple(steps),
            left_out=left_out,
            attempts=config.attempts(),
            mcp_sha256=_sha256(servers) if servers is not None else None,
            park=park,
            merge=merge,
            target=target,
            git_sha256=policy_changes.git_settings(repo),
            **policy.of_config(config),
            instructions_sha256=_sha256(instructions) if instructions else None,
        ),
        files=files,
    )


def store(logs: Logs, run: str, frozen: Frozen) -> None:
    """Write the frozen files under the run's folder, read-only."""
    for path, data in frozen.files.items():
        full = os.path.join(_folder(logs, run), path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)
        os.chmod(full, 0o500 if data.startswith(b"#!") else 0o400)


def read_frozen(logs: Logs, run: str, path: str, sha256: str) -> bytes:
    """Return one frozen file.

    Raises: `Stop(3)` when it is missing or not what the plan names.
    """
    full = os.path.join(_folder(logs, run), path)
    try:
        data = below.read(full)
    except OSError as error:
        raise Stop(exits.REFUSED, f"{full} can't be read: {error.strerror}. start a new run") from None
    if _sha256(data) != sha256:
        raise Stop(exits.REFUSED, f"{full} was changed after the run was planned. start a new run")
    return data


def skill_path(logs: Logs, run: str, step: PlannedStep) -> str:
    """Return the path of the frozen SKILL.md of a step."""
    return os.path.join(_folder(logs, run), step.name, "SKILL.md")


def check_skill(logs: Logs, run: str, step: PlannedStep) -> SkillContract:
    """Return the contract of a step from its frozen copy, once each file is verified.

    Raises: `Stop(3)` when a file differs from the plan.
    """
    data = {path: read_frozen(logs, run, f"{step.name}/{path}", sha) for path, sha in step.files.items()}
    return contract.of_text(data["SKILL.md"], skill_path(logs, run, step))


def find_skill(repo: Repo, skill: str, env: Mapping[str, str]) -> str:
    """Return the folder of a skill: the repository's own, then this plugin's.

    `plugin:name` names one of any plugin that is installed in Claude Code.
    """
    plugin, _, name = skill.rpartition(":")
    if not name or "/" in name or name.startswith("."):
        raise Stop(exits.REFUSED, f"'{skill}' is no skill's name. write the name of its folder")
    if plugin in ("", "correctless"):
        looked = install.skill_folders(name, "" if plugin else repo.top)
    else:
        looked = [os.path.join(plugins.folder(plugin, repo.home, env), "skills", name)]
    for folder in looked:
        if os.path.isfile(os.path.join(folder, "SKILL.md")):
            return folder
    where = (
        "the repository's skills/, .claude/skills/ and the plugin" if not plugin else f"the plugin '{plugin}'"
    )
    raise Stop(
        exits.REFUSED, f"there is no skill '{skill}' in {where}. name another in the pipeline, or add it"
    )


def refuse(stated: SkillContract) -> None:
    """Refuse a skill that cannot run unattended.

    Raises: `Stop(3)`.
    """
    if stated.interaction_mode == "interactive":
        raise Stop(
            exits.REFUSED,
            f"{stated.name} is interactive: it needs a person. take it out of the pipeline ({stated.path})",
        )
    if stated.interaction_mode not in ("autonomous", "hybrid"):
        raise Stop(
            exits.REFUSED,
            f"{stated.name} states no valid interaction_mode. write interaction_mode: autonomous or hybrid ({stated.path})",
        )
    errors = [problem for problem in rules.problems(stated) if problem.severity == "error"]
    if errors:
        first = errors[0]
        more = f" (and {len(errors) - 1} more; see correctless skills)" if len(errors) > 1 else ""
        raise Stop(exits.REFUSED, f"{first.path}:{first.line}: {first.message}{more}")


def _left_out(step: Step, config: Config) -> str:
    if step.intensity is not None and config.intensity not in step.intensity:
        return f"not at intensity {config.intensity}"
    if step.skill == "simplify" and step.check is None and config.commands.test is None:
        return "no commands.test proves that it keeps the behaviour"
    return ""


def _planned(
    repo: Repo,
    name: str,
    step: Step,
    stated: SkillContract,
    config: Config,
    of_skill: Mapping[str, bytes],
    branch_slug: str,
) -> PlannedStep:
    # AskUserQuestion does not exist in a headless client; a skill that also serves people may name it.
    tools = tuple(tool for tool in stated.allowed_tools if tool != "AskUserQuestion") or _TOOLS
    if "Read" not in tools:  # the skill itself is handed over as a file to read
        tools = ("Read", *tools)
    skill = step.skill.rpartition(":")[2]
    report = step.report or REPORTS.get(skill)
    agent = step.agent or config.agent
    return PlannedStep(
        name=name,
        files={path: _sha256(data) for path, data in sorted(of_skill.items())},
        untrusted=step.skill == "simplify",
        tools=tools,
        check=step.check or (config.commands.test if skill in TESTED else None),
        report=report.replace("{branch_slug}", branch_slug) if report else None,
        agent=agent,
        model=step.model,
        minutes=step.max_minutes,
        idle_minutes=step.idle_minutes,
        turns=step.max_turns,
        usd=step.max_usd,
        # One a project asked for must be there; the one we ask for by ourselves is not every agent's habit.
        report_required=step.report is not None,
        session=agents.named(agent, repo.top).continues,
        fork=stated.context == "fork",
    )


def _instructions(repo: Repo, base: str) -> bytes:
    found = [(name, repo.file_at(base, name)) for name in _INSTRUCTION_FILES]
    return b"\n".join(b"# " + name.encode() + b"\n\n" + data.strip() + b"\n" for name, data in found if data)


def mcp_servers(data: bytes) -> dict[str, Any]:
    """Return the servers of a file in Claude Code's format.

    Raises: `Stop(3)` when it is invalid, or takes the recorder's name.
    """
    try:
        said = strict_json(data.decode("utf-8"))
    except (UnicodeDecodeError, RecordError):
        said = None
    servers = said.get("mcpServers") if isinstance(said, dict) else None
    if not isinstance(servers, dict) or not all(isinstance(each, dict) for each in servers.values()):
        fix = 'write {"mcpServers": {...}}'
        raise Stop(exits.REFUSED, f"agent_mcp names a file that is none of MCP servers. {fix}")
    for name in servers:
        if not _SERVER.fullmatch(name) or name == recorder.NAME:
            raise Stop(
                exits.REFUSED,
                f"agent_mcp has a server {name!r}. give it another name, of letters, digits, - and _",
            )
    return servers


def _mcp(repo: Repo, base: str, path: str) -> bytes:
    data = repo.file_at(base, path)
    if data is None:
        raise Stop(
            exits.REFUSED, f"agent_mcp names {path}, which commit {base[:12]} does not have. commit it"
        )
    mcp_servers(data)
    return data


def _folder_files(folder: str) -> Iterator[tuple[str, bytes]]:
    # A symbolic link in a skill could point at a secret that would then be copied and shown: links are not followed.
    total = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in (".git", "__pycache__", "node_modules"))
        for name in sorted(names):
            full = os.path.join(parent, name)
            if not stat.S_ISREG(os.lstat(full).st_mode):
                continue
            data = below.read(full, _LARGEST + 1)
            total += len(data)
            if total > _LARGEST:
                raise Stop(
                    exits.REFUSED,
                    f"{folder} holds over {_LARGEST >> 20} MiB. move what is no skill out of it",
                )
            yield os.path.relpath(full, folder), data


def _folder(logs: Logs, run: str) -> str:
    return os.path.join(logs.folder(run), "frozen")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
