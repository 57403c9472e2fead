"""Shows what an approver is about to sign, on stderr, and where an offline signature went."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pointsctl.cli.plan_page import PlanPage, page_of, print_plan, stderr_console
from pointsctl.cli.tables import print_json, print_wrapped
from pointsctl.model.ages import minute
from pointsctl.model.escape import plain
from pointsctl.model.plan_evidence import FreshFor, evidence_problems

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from pointsctl.model.plan import Plan
    from pointsctl.model.statement import ApprovalStatement
    from pointsctl.workflow.approve import Asked
    from pointsctl.workflow.approve_offline import Asked as AskedOffline
    from pointsctl.workflow.sign import Signed


def announce(asked: Asked, fresh_for: FreshFor) -> None:
    """The plan on one screen with the newest evidence and what is wrong with it, then what is about to be signed."""
    found, out = asked.deployment, stderr_console()
    problems = evidence_problems(asked.plan, found.history, asked.now, fresh_for)
    # In one sentence, so that the plan and the question fit on one screen.
    remarks = (f"the gate stays closed: {'; '.join(problems)}",) if problems else ()
    page = replace(page_of(found, asked.plan, asked.now), evidence=asked.evidence, remarks=remarks)
    print_plan(page, out)
    until = min(asked.now + asked.valid_for, asked.plan.content.not_after) if asked.valid_for else None
    _announce_signature(out, asked.principal, asked.role, asked.plan, until)


def announce_offline(asked: AskedOffline) -> None:
    """The plan of a file, the digests with which somebody can compare it, then what is about to be signed."""
    out, file, request = stderr_console(), asked.file, asked.request
    print_plan(PlanPage(file.plan, file.trust, request.now, pending=file.pending), out)
    print_wrapped(out, plain(f"Nobody vouches for this file. Compare: plan {file.plan.digest}"))
    print_wrapped(out, plain(f"policy {file.trust.digest}"))
    approved_until = min(request.now + file.valid_for, file.plan.content.not_after)
    until = approved_until if request.decision == "approve" else None
    _announce_signature(out, asked.principal, asked.role, file.plan, until)


def _announce_signature(out: Console, principal: str, role: str, plan: Plan, until: datetime | None) -> None:
    """`until` is None for a rejection, which does not run out."""
    verb, when = (
        ("APPROVES", f", until {minute(until)}") if until else ("REJECTS", "; only a new plan goes on after that")
    )
    line = f"{principal} as {role} {verb} plan {plan.short} for {plan.content.environment}{when}"
    print_wrapped(out, plain(line), style="bold")


def print_written(signed: Signed[ApprovalStatement], output: Path, *, as_json: bool) -> None:
    """What was written, and who goes on with it; as one document `pointsctl/decision-file/v1` on demand."""
    statement = signed.statement
    if as_json:
        document = {"principal": statement.principal, "role": statement.role, "decision": statement.decision.value}
        print_json({"schema": "pointsctl/decision-file/v1", "file": str(output), "plan": statement.plan, **document})
        return
    command = f"pointsctl approvals import {shlex.quote(output.name)} --env {statement.environment}"
    sys.stdout.write(f"wrote {plain(str(output))}\nsomebody with access to the database records it: {plain(command)}\n")
