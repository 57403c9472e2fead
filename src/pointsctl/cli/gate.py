"""`pointsctl gate`: whether a phase may begin, decided from the ledger alone; nothing is run."""

from __future__ import annotations

from typing import Annotated

import typer

from pointsctl.cli import options

Plan = Annotated[
    str | None,
    typer.Option("--plan", metavar="DIGEST", help="The plan that must be in force; 12 or more digits of its digest."),
]


def gate(
    part: Annotated[str, typer.Argument(metavar="PHASE[/SECTION]", help="The part of the checklist.")],
    environment: options.EnvironmentName = None,
    plan: Plan = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Decide from the ledger alone whether every item of a phase or section is satisfied, for CI pipelines.

    Nothing is looked at but the files of the plan: findings come from recorded runs, as long as they are fresh. Every
    missing piece is listed, with who can supply it and the command that does.

    Example: pointsctl gate pre-deployment --env production

    Exit codes: 0 the gate is open; 1 something failed; 2 usage or checklist; 3 waits for a person or for time; 4 something
    was never looked at, or not lately, or could not be; 5 refused: damaged or foreign ledger, a plan that changed or was
    rejected, missing evidence, another policy.
    """
    from pointsctl.cli.gate_page import print_gate
    from pointsctl.cli.session import find_environment, session
    from pointsctl.model.selection import select
    from pointsctl.workflow.decide_gate import Request, decide_gate
    from pointsctl.workflow.open_ledger import open_ledger

    phase, _, section = part.partition("/")
    with session(checklist, environment, 1) as opened:
        loaded = opened.loaded
        selection = select(loaded.checklist, loaded.references, phase=phase, section=section or None)
        name, found = find_environment(loaded, opened.environment)
        with open_ledger(name, found) as ledger:
            decision = decide_gate(loaded, ledger, Request(selection, name, found, plan), opened.surroundings)
    print_gate(decision, as_json=as_json)
    return int(decision.exit_code)
