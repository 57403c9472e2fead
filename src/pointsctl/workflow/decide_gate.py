"""Use case: decide whether a gate opens from what the ledger remembers; nothing is looked at but the plan's own files.

1. The ledger is the pinned one, whole, and holds against its anchors; else nothing that it says counts.
2. The trust folder beside the checklist is the policy in force; the plan is the one that was asked for, and nothing refuses
   it; its evidence is there and fresh.
3. Every item is asked of the ledger: kinds that read it as they are, all others by their newest finding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pointsctl.checks.approval import Approval
from pointsctl.checks.interface import Check, World
from pointsctl.errors import InterruptedByOperatorError, PointsctlError
from pointsctl.ledger.damage import Damage
from pointsctl.ledger.heads import NotedHead
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signed_records import SignedRecords
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval import Approvals, approvals_of
from pointsctl.model.configuration import Environment
from pointsctl.model.deployment import Deployment
from pointsctl.model.finding import Observation
from pointsctl.model.gate_decision import GateDecision, Refusal
from pointsctl.model.history import History
from pointsctl.model.plan import SHORT
from pointsctl.model.plan_evidence import PHASE, FreshFor, evidence_gaps
from pointsctl.model.remembered import Asked, remembered
from pointsctl.model.run import Run
from pointsctl.model.selection import Selection
from pointsctl.workflow.check_environment import Surroundings, check_environment
from pointsctl.workflow.compare_anchors import Anchors
from pointsctl.workflow.deployment import read_deployment
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.load_trust import has_trust, load_trust
from pointsctl.workflow.look import Known


@dataclass(frozen=True)
class Request:
    """What is asked for: a part of the checklist for an environment; `plan` is the beginning of the digest that must be in
    force, None where any may be.
    """

    selection: Selection
    name: str
    environment: Environment
    plan: str | None


class _Remembered(Check):
    """Stands in for a check that would look at the world."""

    stands_for: Check

    def look(self, world: World) -> Observation:
        """Ask the ledger instead."""
        found = self.stands_for.from_the_ledger(world)
        if found is not None:
            return found
        asked = Asked(world.item, world.definition, world.environment, world.target)
        return remembered(asked, world.history())


def decide_gate(loaded: Loaded, ledger: Ledger, request: Request, surroundings: Surroundings) -> GateDecision:
    """The decision. `ledger` is the environment's, opened with `open_ledger`.

    Raises RefusedError (5) when the ledger cannot be believed, CouldNotLookError when it or its anchors cannot be read, and
    InterruptedByOperatorError: what was not decided to its end is no closed gate.
    """
    history = _history(loaded, ledger, request, surroundings)
    refusals = [*_trust_refusals(loaded, history, request.name)]
    deployment, unknown = None, None
    if _is_about_the_plan(loaded, request, history):
        deployment, unknown = _deployment(loaded, ledger, request, surroundings, history)
    if unknown is not None:
        refusals.append(Refusal(unknown.message, unknown.hint))
    elif deployment is not None:
        refusals.extend(_plan_refusals(loaded, deployment, request))
    run = _run(loaded, request, surroundings, history, _answer(deployment, unknown))
    if run.interrupted:
        raise InterruptedByOperatorError("interrupted while the gate was decided", hint="run it again")
    plan = history.plan.digest if history.plan else None
    return GateDecision(run, tuple(refusals), plan, f"{history.head.seq}:{history.head.hash}")


def _history(loaded: Loaded, ledger: Ledger, request: Request, surroundings: Surroundings) -> History:
    """The history, held against the anchors: who may rewrite the database may not rewrite those."""
    anchors = Anchors(loaded.checklist.store_of(request.environment), request.name)

    def witness(signed: SignedRecords, checker: SignatureChecker) -> tuple[Sequence[NotedHead], Sequence[Damage]]:
        compared = anchors.compare(signed.anchored, signed.in_force_at, checker)
        return compared.heads, compared.damages

    return read_history(ledger, surroundings.variables, witness)


def _is_about_the_plan(loaded: Loaded, request: Request, history: History) -> bool:
    """Whether a plan is named, an approval asked for, the whole phase before a deployment to what is protected, or a plan is
    open that was made with another checklist: whoever takes the approvals out of the checklist has not got rid of them.
    """
    if request.plan is not None or _roles_asked_for(loaded, request) or _needs_a_plan(request, history):
        return True
    content, now = (history.plan.plan.content if history.plan else None), history.now
    return content is not None and now is not None and now <= content.not_after and content.checklist != loaded.sha256


def _needs_a_plan(request: Request, history: History) -> bool:
    """Whether nothing may be deployed without a plan here, whatever the checklist says."""
    return history.pin is not None and history.pin.protected and request.selection.name == PHASE


def _roles_asked_for(loaded: Loaded, request: Request) -> frozenset[str]:
    """The roles whose approval an item of the selection asks for."""
    checks = [loaded.checks[item.id] for item in request.selection.items]
    return frozenset(check.role for check in checks if isinstance(check, Approval))


def _deployment(
    loaded: Loaded, ledger: Ledger, request: Request, surroundings: Surroundings, history: History
) -> tuple[Deployment | None, PointsctlError | None]:
    """The plan as it is now, or why that cannot be known."""
    try:
        found = read_deployment(
            loaded, request.name, request.environment, ledger, surroundings.variables, history=history
        )
    except PointsctlError as error:
        return None, error
    return found, None


def _trust_refusals(loaded: Loaded, history: History, name: str) -> Iterator[Refusal]:
    folder = loaded.directory / loaded.checklist.approvals.trust
    if history.trust is None or not has_trust(folder):
        return
    hint = f"see the difference with `pointsctl trust show --env {name}`"
    try:
        found = load_trust(folder).digest
    except PointsctlError as error:
        yield Refusal(f"the trust folder cannot be used: {error.message}", hint)
        return
    if found != history.trust.digest:
        in_force = history.trust.digest[:SHORT]
        yield Refusal(f"the trust folder {_shown(folder)} is policy {found[:SHORT]}, in force is {in_force}", hint)


def _shown(folder: Path) -> str:
    return repr(folder.name)


def _plan_refusals(loaded: Loaded, deployment: Deployment, request: Request) -> Iterator[Refusal]:
    plan, now = deployment.plan, deployment.history.now
    create, listed = (f"pointsctl plan {command} --env {request.name}" for command in ("create", "list"))
    if plan is None or now is None:
        if request.plan is not None:
            yield Refusal(f"asked for is plan {request.plan}, and there is none", create)
        elif _needs_a_plan(request, deployment.history) and not _roles_asked_for(loaded, request):
            yield Refusal(f"{request.name} is protected, and there is no plan of what is to be deployed", create)
        return  # the items that wait for a plan say so
    if request.plan is not None and (len(request.plan) < SHORT or not plan.digest.startswith(request.plan)):
        yield Refusal(f"asked for is plan {request.plan}, in force is {plan.digest[:SHORT]}", listed)
    approvals = approvals_of(deployment, now)
    if approvals is not None:
        yield from (Refusal(why, create) for why in approvals.refusals)
        yield from _unasked(approvals, _roles_asked_for(loaded, request))
    gaps = evidence_gaps(plan.plan, deployment.history, now, FreshFor.of(loaded.checklist))
    yield from (Refusal(gap.why, gap.command) for gap in gaps)


def _unasked(approvals: Approvals, asked_for: Collection[str]) -> Iterator[Refusal]:
    """What the plan still needs and no item waits for: the plan says who must sign, not the part that is asked for."""
    for role in approvals.roles:
        if role.missing > 0 and role.role not in asked_for:
            who = " or ".join(role.candidates) or "nobody who could"
            plan = approvals.plan.plan.short
            yield Refusal(f"plan {plan} waits for {role.missing} of {role.needed} as {role.role}: {who}", role.command)


def _answer(deployment: Deployment | None, unknown: PointsctlError | None) -> Known:
    def answer() -> Deployment | None:
        if unknown is not None:
            raise unknown
        return deployment

    return Known(lambda: None, answer)


def _run(loaded: Loaded, request: Request, surroundings: Surroundings, history: History, known: Known) -> Run:
    checks = {
        item_id: check if check.reads_the_ledger else _Remembered(stands_for=check)
        for item_id, check in loaded.checks.items()
    }
    remembering = replace(loaded, checks=checks)
    known = replace(known, history=lambda: history)
    return check_environment(remembering, request.selection, request.name, surroundings, known=known, ask_all=True)
