"""The frozen files of a run: its spec, skills, instructions and MCP servers.

The run is executed from these copies; `read` refuses one that differs by a byte from what the plan names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from correctless.agents import recorder
from correctless.base import below, exits
from correctless.base.exits import Stop
from correctless.dispatch.core import context
from correctless.project.paths import Logs
from correctless.runlog.plan import Plan, PlannedStep
from correctless.skill import contract
from correctless.skill.contract import SkillContract
from correctless.syntax.strict_json import RecordError, strict_json

SPEC = "spec.md"
INSTRUCTIONS = "instructions.md"
MCP = "mcp.json"
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class FrozenPlan:
    """A plan and its files, by their path in the run's frozen folder."""

    plan: Plan
    files: Mapping[str, bytes]


def store(logs: Logs, run: str, frozen: FrozenPlan) -> None:
    """Write the frozen files under the run's folder, read-only."""
    for path, data in frozen.files.items():
        full = _path(logs, run, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)
        os.chmod(full, 0o500 if data.startswith(b"#!") else 0o400)


def read(logs: Logs, run: str, path: str, sha256: str) -> bytes:
    """Return one frozen file.

    Raises: `Stop(3)` when it is missing or not what the plan names.
    """
    full = _path(logs, run, path)
    try:
        data = below.read(full)
    except OSError as error:
        raise Stop(exits.REFUSED, f"{full} can't be read: {error.strerror}. start a new run") from None
    if context.sha256(data) != sha256:
        raise Stop(exits.REFUSED, f"{full} was changed after the run was planned. start a new run")
    return data


def skill_path(logs: Logs, run: str, step: PlannedStep) -> str:
    """Return the path of the frozen SKILL.md of a step."""
    return _path(logs, run, f"{step.name}/SKILL.md")


def spec_path(logs: Logs, run: str) -> str:
    """Return the path of the frozen spec."""
    return _path(logs, run, SPEC)


def read_skill(logs: Logs, run: str, step: PlannedStep) -> SkillContract:
    """Return the contract of a step from its frozen copy, once each file is verified.

    Raises: `Stop(3)` when a file differs from the plan.
    """
    data = {path: read(logs, run, f"{step.name}/{path}", sha) for path, sha in step.files.items()}
    return contract.of_text(data["SKILL.md"], skill_path(logs, run, step))


def servers(logs: Logs, run: str, plan: Plan) -> dict[str, Any]:
    """Return the MCP servers that were frozen for a run, by name."""
    return mcp_servers(read(logs, run, MCP, plan.mcp_sha256)) if plan.mcp_sha256 is not None else {}


def mcp_servers(data: bytes) -> dict[str, Any]:
    """Return the servers of a file in Claude Code's format.

    Raises: `Stop(3)` when it is invalid, or takes the recorder's name.
    """
    try:
        value = strict_json(data.decode("utf-8"))
    except (UnicodeDecodeError, RecordError):
        value = None
    servers = value.get("mcpServers") if isinstance(value, dict) else None
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


def _path(logs: Logs, run: str, path: str) -> str:
    return os.path.join(logs.folder(run), "frozen", path)
