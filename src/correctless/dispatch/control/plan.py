"""Plan a run: resolve its pipeline to steps, and collect the files they are executed from.

Nothing is written here: a run that is refused leaves no trace.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping

from correctless import agents
from correctless.base import below, exits, install
from correctless.base.exits import Stop
from correctless.dispatch.core import frozen_files, policy, policy_changes
from correctless.dispatch.core.context import sha256
from correctless.dispatch.core.frozen_files import FrozenPlan
from correctless.dispatch.tell import notify
from correctless.lint import rules
from correctless.project import plugins
from correctless.project.config import REPORTS, TESTED, UNTRUSTED, Config, Step
from correctless.project.git import Repo
from correctless.project.paths import slug
from correctless.runlog.plan import Plan, PlannedStep
from correctless.skill import contract
from correctless.skill.contract import SkillContract

_INSTRUCTION_FILES = ("CLAUDE.md", ".claude/CLAUDE.md", "AGENTS.md")
_LARGEST = 8 << 20  # bytes of one skill's folder: it is copied for every run
# Claude Code's names of what a step needs when its skill doesn't say.
_TOOLS = ("Read", "Edit", "Write", "Glob", "Grep", "Bash")


def make_plan(
    repo: Repo,
    config: Config,
    *,
    branch: str,
    spec: str,
    spec_bytes: bytes,
    pipeline: str,
    target: str,
    env: Mapping[str, str],
    park: str | None = None,
    merge: str = "",
) -> FrozenPlan:
    """Return the plan of a run from the current commit, and its files.

    Raises: `Stop(3)` with every skill that is missing or cannot run unattended.
    """
    notify.refuse_inside(config.notify, repo)
    base = repo.head()
    files: dict[str, bytes] = {frozen_files.SPEC: spec_bytes}
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
        steps.append(_planned(repo, name, step, stated, config, of_skill, slug(branch)))
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
        files[frozen_files.INSTRUCTIONS] = instructions
    servers = _mcp(repo, base, config.agent_mcp) if config.agent_mcp else None
    if servers is not None:
        files[frozen_files.MCP] = servers
    return FrozenPlan(
        plan=Plan(
            branch=branch,
            base=base,
            spec=spec,
            spec_sha256=sha256(spec_bytes),
            pipeline=pipeline,
            steps=tuple(steps),
            left_out=left_out,
            attempts=config.attempts(),
            mcp_sha256=sha256(servers) if servers is not None else None,
            park=park,
            merge=merge,
            target=target,
            git_sha256=policy_changes.git_settings(repo),
            **policy.of_config(config),
            instructions_sha256=sha256(instructions) if instructions else None,
        ),
        files=files,
    )


def find_skill(repo: Repo, skill: str, env: Mapping[str, str]) -> str:
    """Return the folder of a skill: the repository's own, then this plugin's.

    `plugin:name` names one of any plugin that is installed in Claude Code.
    """
    plugin, _, name = skill.rpartition(":")
    if not name or "/" in name or name.startswith("."):
        raise Stop(exits.REFUSED, f"'{skill}' is not a skill's name. write the name of its folder")
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
    raise Stop(exits.REFUSED, f"no skill '{skill}' found in {where}. name another in the pipeline, or add it")


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
    if step.skill.rpartition(":")[2] in UNTRUSTED and step.check is None and config.commands.test is None:
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
        files={path: sha256(data) for path, data in sorted(of_skill.items())},
        untrusted=skill in UNTRUSTED,
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


def _mcp(repo: Repo, base: str, path: str) -> bytes:
    data = repo.file_at(base, path)
    if data is None:
        raise Stop(
            exits.REFUSED, f"agent_mcp names {path}, which commit {base[:12]} does not have. commit it"
        )
    frozen_files.mcp_servers(data)
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
