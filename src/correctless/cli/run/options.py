"""Options that several commands of `correctless cauto` have."""

from __future__ import annotations

import click

from correctless.cli.values import SOME, options

# The options of a run and a check. All but the first two are keys of the configuration.
request_options = options(
    click.option("--spec", required=True, metavar="FILE", help="What to build; committed in the repository."),
    click.option("--pipeline", default="default", show_default=True, help="Which pipeline."),
    click.option("--intensity", type=click.Choice(["standard", "high", "critical"]), help="How thorough."),
    click.option("--agent", metavar="AGENT", help="claude, 'command:PROGRAM ARG...' or replay:DIR."),
    click.option(
        "--sandbox",
        "agent_sandbox",
        type=click.Choice(["auto", "require", "off"]),
        help="The sandbox of agents: auto warns when it cannot be made, require refuses to start.",
    ),
    click.option(
        "--on-escalation",
        type=click.Choice(["defer", "ask", "halt"]),
        help="What to do when a decision needs you: leave it for the end, ask at this terminal, or pause.",
    ),
    click.option("--pr", metavar="HOW", help="gh, or skip: only write the pull request's text."),
    click.option(
        "--merge",
        type=click.Choice(["never", "contract"]),
        help="contract: merge the pull request as the pinned run contract allows.",
    ),
    click.option(
        "--park",
        metavar="REMOTE",
        help="Remote on which a stopped run is parked for other machines; none: nowhere.",
    ),
    click.option("--max-minutes", type=SOME, help="For all agents together."),
    click.option("--max-usd", type=SOME, help="For all agents together."),
)


# The options for how a run is shown.
watch_options = options(
    click.option("--plain", is_flag=True, help="Show scrolling lines, also on a terminal."),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print each event as one JSON line; the last one says how it ended.",
    ),
)
