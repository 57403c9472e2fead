"""Tells of plans, to people and to programs: the one that is about to be signed, what was recorded, one in full, all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pointsctl.cli.plan_page import PlanPage, page_of, print_plan, stderr_console
from pointsctl.cli.tables import console, print_json
from pointsctl.model.ages import minute
from pointsctl.model.canonical import utc_text
from pointsctl.model.deployment import Change
from pointsctl.model.escape import plain

if TYPE_CHECKING:
    from pointsctl.model.plan import Plan
    from pointsctl.workflow.create_plan import Created, Proposal
    from pointsctl.workflow.show_plan import ListedPlan, ShownPlan

CREATED_SCHEMA = "pointsctl/plan-created/v1"
SCHEMA = "pointsctl/plan/v1"
LIST_SCHEMA = "pointsctl/plans/v1"


def announce(proposal: Proposal) -> None:
    """Show on stderr the plan that is about to be signed, and what it supersedes."""
    page = PlanPage(
        plan=proposal.plan,
        trust=proposal.trust,
        now=proposal.plan.created_at,
        pending=proposal.found.pending,
        lines=proposal.found.lines,
        state="about to be signed",
        remarks=proposal.remarks,
    )
    print_plan(page, stderr_console())
    if proposal.supersedes is not None:
        lines = [f"it supersedes plan {proposal.supersedes}{':' if proposal.changes else ''}"]
        lines += [f"  {one.what} {_change(one)}" for one in proposal.changes]
        lines += [f"  the approval as {one} dies with it" for one in proposal.dying]
        sys.stderr.writelines(f"{plain(line)}\n" for line in lines)


def print_created(done: Created, *, as_json: bool) -> None:
    """The plan that was recorded."""
    if as_json:
        print_json(_created(done))
        return
    plan, name = done.plan, done.plan.content.environment
    sys.stdout.write(f"plan {plan.short} is recorded for {name}, in record {done.record.seq}\n")
    sys.stdout.write(f"next: pointsctl approve {plan.short} --env {name}, by {' and '.join(plan.content.roles)}\n")


def print_unchanged(done: Created, *, as_json: bool) -> None:
    """The newest plan says the same already."""
    if as_json:
        print_json(_created(done))
        return
    sys.stdout.write(f"nothing to do: plan {done.plan.short} (record {done.record.seq}) says the same\n")


def print_shown(shown: ShownPlan, *, as_json: bool) -> None:
    """One plan in full; as one document `pointsctl/plan/v1` on demand."""
    if as_json:
        print_json(_shown(shown))
        return
    page = page_of(shown.deployment, shown.recorded.plan, shown.now, shown.state.value)
    from dataclasses import replace

    print_plan(replace(page, evidence=shown.evidence))


def print_plans(plans: Sequence[ListedPlan], environment: str, *, as_json: bool) -> None:
    """All plans, one a line; as one document `pointsctl/plans/v1` on demand."""
    if as_json:
        print_json({"schema": LIST_SCHEMA, "environment": environment, "plans": [_listed(one) for one in plans]})
        return
    if not plans:
        sys.stdout.write(f"{environment} has no plan yet; make one: pointsctl plan create --env {environment}\n")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("plan", "state", "created", "by", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.overflow = "fold"
    for one in plans:
        plan = one.recorded.plan
        table.add_row(plan.short, one.state.value, minute(plan.created_at), Text(plain(_signer(one))))
    console().print(table)


def _change(change: Change) -> str:
    if change.planned == "nothing":
        return "was added"
    return "is gone" if change.found == "nothing" else "changed"


def _signer(one: ListedPlan) -> str:
    statement = one.recorded.signed.statement
    return statement.principal if statement else "nobody"


def _created(done: Created) -> dict[str, Any]:
    return {
        "schema": CREATED_SCHEMA,
        "digest": done.plan.digest,
        "new": done.new,
        "record": done.record.seq,
        "plan": _plan(done.plan),
    }


def _shown(shown: ShownPlan) -> dict[str, Any]:
    changes = [{"what": one.what, "planned": one.planned, "found": one.found} for one in shown.deployment.changes]
    return {
        "schema": SCHEMA,
        "digest": shown.recorded.digest,
        "state": shown.state.value,
        "record": shown.recorded.signed.record.seq,
        "signed_by": shown.recorded.signed.fingerprint,
        "plan": _plan(shown.recorded.plan),
        "changes": changes,
        "evidence": shown.evidence.model_dump(mode="json"),
        "pending": list(shown.deployment.pending or ()),
    }


def _listed(one: ListedPlan) -> dict[str, Any]:
    plan = one.recorded.plan
    return {
        "digest": plan.digest,
        "state": one.state.value,
        "created_at": utc_text(plan.created_at),
        "by": _signer(one),
        "not_after": utc_text(plan.content.not_after),
        "record": one.recorded.signed.record.seq,
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return plan.model_dump(mode="json")
