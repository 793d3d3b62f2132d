"""`correctless lint`: check skills, plugins, agents and hooks, without click."""

from __future__ import annotations

import gc
import os
import sys
import time

import correctless
from correctless.base import exits
from correctless.base.exits import Stop
from correctless.base.files import read_plain
from correctless.base.text import counted, printable
from correctless.cli import args, spell_anything
from correctless.cli.args import Args
from correctless.lint import cache, run, settings
from correctless.lint.discover import LINTED, LintTarget, discover, kind_of
from correctless.lint.run import LintReport
from correctless.lint.settings import Settings
from correctless.lint.subject.kinds import DIALECTS
from correctless.syntax.finding import SEVERITIES, Finding, with_source

TYPE_CHECKING = False  # typing costs 7 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HELP = """Usage: correctless lint [OPTIONS] [PATH]...

  Check skills, commands, agents, output styles, plugins, marketplaces, hooks, servers and settings. Each finding says where
  it is and what to write instead.

  PATH is a file, or a folder that is searched at any depth. Default: the current folder.

  Example: correctless lint --fix skills

Options:
  --format FORM         text, json, github or sarif
  --json                the same as --format json
  --fix                 fix what can be fixed without a decision
  --fix-only RULE       fix only what this rule finds; may be repeated
  --diff                show what --fix would change, and change nothing
  --fail-on SEVERITY    error, warning or info: exit 1 for findings of this severity or a higher one
  --pedantic            also show findings of severity info
  --dialect NAME        claude-code or agentskills
  --changed[=BASE]      only files that differ from BASE (default: HEAD), new ones included
  --baseline FILE       skip the findings listed in FILE
  --write-baseline FILE write every current finding to FILE
  --config FILE         in place of .correctless/config/correctless.yaml
  --stdin-name PATH     lint standard input as the file PATH
  --allow-empty         end with 0 where a PATH has nothing to lint
  --jobs N              processes (default: one for each processor)
  --no-cache            forget earlier runs
  --help                show this and exit

Exit: 0 clean, 1 findings, 2 usage, 3 could not check.
"""

_FORMS = ("text", "json", "github", "sarif")
_VALUES = (
    "--format", "--fix-only", "--fail-on", "--dialect", "--baseline", "--write-baseline", "--config", "--stdin-name", "--jobs"
)  # fmt: skip
_FLAGS = ("--fix", "--diff", "--pedantic", "--no-cache", "--allow-empty", "--json")


def main(argv: list[str]) -> int:
    """Lint, print, and return the exit code.

    Raises: Stop when that cannot be done.
    """
    spell_anything()
    parsed = _parsed(argv)
    if args.wants_help(parsed):
        print(HELP, end="")
        return exits.OK
    # References are enough to free what a file leaves; the collector would take a tenth of the time.
    gc.disable()
    chosen = _chosen(parsed)
    report = _report(parsed, chosen)
    if (file := parsed.value("--write-baseline")) is not None:
        return _write_baseline(file, report)
    if (file := parsed.value("--baseline")) is not None:
        from correctless.lint import baseline

        report = report._replace(findings=baseline.new_findings(report.findings, file))
    if "--diff" not in parsed.flags:
        _show(report, "json" if "--json" in parsed.flags else parsed.value("--format") or "text")
    if report.unread:
        return exits.REFUSED
    return exits.FINDINGS if report.failing(chosen.fail_on) else exits.OK


def _parsed(argv: list[str]) -> Args:
    parsed = args.read("correctless lint", argv, flags=_FLAGS, values=_VALUES, optional={"--changed": "HEAD"})
    for name, allowed in (("--format", _FORMS), ("--fail-on", SEVERITIES), ("--dialect", DIALECTS)):
        value = parsed.value(name)
        if value is not None and value not in allowed:
            raise Stop(exits.USAGE, f"{name} '{value}' is unknown. Write one of: {', '.join(allowed)}")
    if parsed.value("--stdin-name") and (
        parsed.positional or "--fix" in parsed.flags or parsed.value("--changed")
    ):
        raise Stop(
            exits.USAGE, "--stdin-name reads only standard input. Leave out paths, --fix and --changed"
        )
    return parsed


def _chosen(parsed: Args) -> Settings:
    chosen = settings.load(os.getcwd(), parsed.value("--config"), _cache_folder(parsed))
    return chosen._replace(
        fail_on=parsed.value("--fail-on") or chosen.fail_on,
        dialect=parsed.value("--dialect") or chosen.dialect,
        pedantic=chosen.pedantic or "--pedantic" in parsed.flags,
    )


def _cache_folder(parsed: Args) -> str | None:
    return None if "--no-cache" in parsed.flags else cache.folder(os.environ)


def _report(parsed: Args, chosen: Settings) -> LintReport:
    today = time.strftime("%Y-%m-%d")
    name = parsed.value("--stdin-name")
    if name is not None:
        chosen = chosen._replace(projects=settings.projects([name], ()))
        return run.text(sys.stdin.buffer.read(), LintTarget(name, kind_of(name)), chosen, today=today)
    paths = parsed.positional or ["."]
    results_cache = cache.Cache(_cache_folder(parsed))
    began = time.time_ns()
    discovered = discover(paths, results_cache.listings)
    results_cache.put_listings(discovered.listings, began)
    if discovered.empty and "--allow-empty" not in parsed.flags:
        raise Stop(
            exits.REFUSED,
            f"'{discovered.empty[0]}' has nothing to lint: no {LINTED}. Correct the path, or pass --allow-empty",
        )
    chosen = chosen._replace(projects=settings.projects(paths, discovered.projects))
    targets = [each for each in discovered.targets if not chosen.excluded(each.path)]
    if (base := parsed.value("--changed")) is not None:
        targets = list(_changed(targets, base))

    def lint() -> LintReport:
        return run.files(
            targets,
            chosen,
            results_cache,
            today=today,
            now_ns=time.time_ns(),
            workers=_workers(parsed),
            unlisted=discovered.unlisted,
        )

    report = lint()
    if not (parsed.values.get("--fix-only") or parsed.flags & {"--fix", "--diff"}):
        return report
    fixed = _fix(report, {each.path: each for each in targets}, chosen, today, parsed)
    return lint() if fixed else report


def _workers(parsed: Args) -> int:
    jobs = parsed.value("--jobs")
    if jobs is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not jobs.isdecimal() or len(jobs) > 3 or not 0 < int(jobs) <= 256:
        raise Stop(exits.USAGE, f"--jobs '{jobs}' is not a number of processes. Write one from 1 to 256")
    return int(jobs)


def _changed(targets: Sequence[LintTarget], base: str) -> Iterator[LintTarget]:
    from correctless.project import git

    repo = git.find(os.getcwd())
    if repo.commit(base) is None:
        raise Stop(exits.REFUSED, f"no commit '{base}' found. Name one that exists, or leave out --changed")
    changed = {os.path.join(repo.top, path) for path in repo.changed_files(base)}
    return (each for each in targets if os.path.realpath(each.path) in changed)


def _fix(
    report: LintReport, targets: dict[str, LintTarget], chosen: Settings, today: str, parsed: Args
) -> bool:
    from correctless.lint import fix
    from correctless.skill.find import MAX_FILE

    only, dry = set(parsed.values.get("--fix-only", ())), "--diff" in parsed.flags

    def wanted(finding: Finding) -> bool:
        return bool(finding.fix) and (not only or finding.rule in only)

    changed = False
    for path in sorted({each.path for each in report.findings if wanted(each)}):
        if fix.leads_out(path, parsed.positional or ["."]):
            where = printable(os.path.realpath(path))
            print(
                f"correctless: {printable(path)} leads outside the paths you named, so {where} was not changed",
                file=sys.stderr,
            )
            continue
        before = read_plain(path, MAX_FILE)[0]

        def find(data: bytes, target: LintTarget = targets[path]) -> list[Finding]:
            return [each for each in run.text(data, target, chosen, today=today).findings if wanted(each)]

        after = fix.fixed(before, find)
        if after == before:
            continue
        if dry:
            print(fix.diff(path, before, after), end="")
        else:
            fix.write(path, after)
            changed = True
    return changed


def _write_baseline(file: str, report: LintReport) -> int:
    from correctless.lint import baseline

    with open(file, "w", encoding="utf-8") as out:
        out.write(baseline.text(report.findings))
    print(f"{file}: {counted(len(report.findings), 'finding')} written", file=sys.stderr)
    return exits.REFUSED if report.unread else exits.OK


def _show(report: LintReport, form: str) -> None:
    if form == "text":
        _print("\n".join([*map(with_source, report.findings), _summary(report)]))
        return
    if form == "github":
        from correctless.syntax.finding import as_github

        for each in report.findings:
            _print(as_github(each))
        return
    import json

    if form == "json":
        from correctless.syntax.finding import as_json

        _print(json.dumps([as_json(each) for each in report.findings], indent=2))
        return
    from correctless.cli.rules import described
    from correctless.lint import sarif

    _print(json.dumps(sarif.log(report.findings, described(), correctless.__version__), indent=2))


def _print(text: str) -> None:
    # A path that is not UTF-8 reaches us as surrogates; every writer of text has escaped them, and so does JSON.
    print(text)


def _summary(report: LintReport) -> str:
    counts = [(sum(each.severity == s for each in report.findings), s) for s in SEVERITIES]
    summary = (
        ", ".join(counted(count, noun, "info" if noun == "info" else "") for count, noun in counts if count)
        or "no findings"
    )
    return f"{summary}: {counted(report.files, 'file')} read"
