"""The report, measured: what a person waits for between the command and the page of a run with many decisions."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from bench.dispatch import Project
from bench.measure import as_figure, measured, programs
from bench.rows import Found, Row
from correctless.base import exits

DECISIONS, QUICK_DECISIONS = 10_000, 100
MOST_S = 2.0
# Every fifth decision is deferred, every seventh has an id that was used, and each step changes a file.
_AGENT = """\
#!/bin/sh
nonce=$(sed -n 's/^AUTONOMOUS_DECISIONS_START //p')
seq 40 >"file-$CORRECTLESS_STEP.txt"
awk -v nonce="$nonce" -v count=%d 'BEGIN {
  print "AUTONOMOUS_DECISIONS_START " nonce
  for (n = 1; n <= count; n++)
    printf "{\\"decision_id\\": \\"AD-%%s\\", \\"default_applied\\": \\"keep the public name parse and add no alias, case %%d\\", \\"rationale\\": \\"the report is what the next step reads, and nothing found is urgent\\", \\"escalation_deferred\\": %%s, \\"original_escalation_reason\\": %%s}\\n", \\
      n %% 7 && n < 1000 ? sprintf("%%03d", n) : "099", n, n %% 5 ? "false" : "true", n %% 5 ? "null" : "\\"only you know\\""
  print "AUTONOMOUS_DECISIONS_END"
}'
"""


def run(*, quick: bool, folder: str | None, root: str, say: Callable[[str], None]) -> Found:
    """Measure in a scratch folder in `folder`, which is removed; `Stop(3)` when that can't be done."""

    def rows(scratch: str) -> list[Row]:
        project = Project(scratch, root, 2 if quick else 10)
        project.make()
        count = QUICK_DECISIONS if quick else DECISIONS
        skill = project.at("project/skills/nothing/SKILL.md")
        with open(skill, "a", encoding="utf-8") as file:
            file.writelines(
                f"- **AD-{n:03}** point {n}: nothing. Rationale: it is measured.\n" for n in range(2, 1000)
            )
        project.git("commit", "-q", "--all", "-m", "decision points")
        with open(project.at("agent"), "w", encoding="utf-8") as file:
            file.write(_AGENT % (count // project.steps))
        say(f"a run with {count:,} decisions")
        project.run("report", codes=(exits.PERSON,))
        program = [sys.executable, "-I", os.path.join(root, "src", "correctless", "__main__.py"), "report"]
        commands = [[*program, *words] for words in ([], ["--json"], ["--history"])]
        rounds = 1 if quick else 9
        say(f"its report, {rounds} times")
        names = (f"report, {count:,} decisions", f"report --json, {count:,} decisions", "report --history")
        found = programs(commands, rounds, cwd=project.top, env=project.env)
        return [
            Row(as_figure(name, runs, "s"), "s", None, rounds, most=MOST_S if name == names[0] else None)
            for name, runs in zip(names, found, strict=True)
        ]

    return measured(rows, folder)
