"""Use case: install the ledger in an environment, pin the environment's identity, and the policy that is beside the checklist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import RefusedError
from pointsctl.ledger.installation import Protection, Step, carry_out, protections, step_needed
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import FORMAT, Draft, Head, Kind
from pointsctl.model.pin import Origin, Pin, identity_text
from pointsctl.model.policy import Trust
from pointsctl.workflow.load_trust import has_trust, load_trust

Confirm = Callable[[str, bool], None]
"""Asks for an environment's name when it is protected; raises RefusedError when it is not given."""


@dataclass(frozen=True)
class Request:
    """What is asked for. `trust` is the folder with the policy (it may be missing); `tool` the version of this program;
    `applied_by` who says to be doing it; `adopt` allows to take over a ledger that is pinned to something else.
    """

    name: str
    environment: Environment
    trust: Path
    tool: str
    applied_by: str
    adopt: bool = False


@dataclass(frozen=True)
class Installation:
    """What was done (nothing when everything was there), and how it stands now. `policy` is the pinned trust's digest."""

    done: tuple[str, ...]
    pin: Pin
    policy: str | None
    protections: tuple[Protection, ...]
    head: Head


@dataclass(frozen=True)
class _Plan:
    """What is to be done: a step of the installation, a new pin, a policy to pin; each None when it is there already."""

    step: Step | None
    pin: Pin | None
    trust: Trust | None
    old: Pin | None

    @property
    def nothing(self) -> bool:
        return self.step is None and self.pin is None and self.trust is None


def install_ledger(request: Request, confirm: Confirm) -> Installation:
    """Do what is missing, all of it in one transaction; `confirm` is called before anything is changed.

    Raises RefusedError (a foreign table, a damaged or newer ledger, a pin of another environment or database, no
    confirmation), PolicyError for a trust folder that cannot be used, and what connecting and the server raise.
    """
    with Ledger(request.environment.database_url) as ledger:
        plan = _plan(ledger, request)
        if not plan.nothing:
            _ask(plan, request, ledger, confirm)
            # Nobody waits for a person with a lock in hand; so it is looked at again.
            with ledger.transaction("installing the ledger"):
                if _plan(ledger, request) != plan:
                    raise RefusedError("the ledger was changed in the meantime", hint="run the command again")
                _carry_out(ledger, request, plan)
        return _result(ledger, _done(plan))


def _plan(ledger: Ledger, request: Request) -> _Plan:
    step = step_needed(ledger, mend=request.adopt)
    old = None
    if step is not Step.INSTALL:
        ledger.require_all_visible()
        old = ledger.pin()
    pin = _new_pin(old, request, ledger)
    adopted = pin is not None and pin.of_a_copy
    policy = None if step is Step.INSTALL or adopted else _policy(ledger)
    trust = load_trust(request.trust) if policy is None and has_trust(request.trust) else None
    return _Plan(step, pin, trust, old)


def _new_pin(old: Pin | None, request: Request, ledger: Ledger) -> Pin | None:
    """The pin to append, or None when the one in force says the same. Raises RefusedError unless it may be adopted."""
    database, protected = ledger.database(), request.environment.protected
    wanted = Pin(name=request.name, database=database, protected=protected, tool=request.tool)
    if old is None:
        return wanted
    if old.names(request.name, database):
        return wanted if old.protected != protected else None
    if not request.adopt:
        raise RefusedError(
            f"the ledger here is pinned to {identity_text(old.name, old.database)}, asked for was"
            f" {identity_text(request.name, database)}",
            hint=old.way_on(request.name, database),
        )
    return wanted.model_copy(update={"copied_from": Origin(name=old.name, database=old.database)})


def _policy(ledger: Ledger) -> str | None:
    """The digest of the policy that was pinned since the ledger came here, if one was."""
    record = ledger.last(Kind.POLICY_PINNED)
    return str(record.data.get("policy")) if record and record.seq > ledger.adopted_at() else None


def _ask(plan: _Plan, request: Request, ledger: Ledger, confirm: Confirm) -> None:
    """A ledger that still is where it was pinned is that environment, whatever name it is asked for by now."""
    old = plan.old
    if old is not None and old.database == ledger.database() and old.protected:
        confirm(old.name, True)
    else:
        confirm(request.name, request.environment.protected)


def _carry_out(ledger: Ledger, request: Request, plan: _Plan) -> None:
    def append(kind: Kind, data: dict[str, object]) -> None:
        ledger.append(Draft(kind, request.name, request.applied_by, data))

    if plan.step is not None:
        carry_out(ledger, plan.step)
        append(Kind.LEDGER_INSTALLED, {"format": FORMAT, "step": str(plan.step), "tool": request.tool})
    if plan.pin is not None:
        append(Kind.ENVIRONMENT_PINNED, plan.pin.model_dump(mode="json"))
    if plan.trust is not None:
        append(Kind.POLICY_PINNED, {"trust": plan.trust.as_json(), "policy": plan.trust.digest})


def _done(plan: _Plan) -> tuple[str, ...]:
    steps = {
        Step.INSTALL: f"installed the ledger, format {FORMAT}",
        Step.MEND: "gave the copied ledger its policies and privileges again",
        Step.GUARD: "installed the event triggers that guard the ledger",
    }
    done = [steps[plan.step]] if plan.step is not None else []
    if plan.pin is not None:
        done.append(f"pinned {identity_text(plan.pin.name, plan.pin.database)}")
    if plan.trust is not None:
        done.append(f"pinned the policy {plan.trust.digest[:12]}")
    return tuple(done)


def _result(ledger: Ledger, done: tuple[str, ...]) -> Installation:
    pin = ledger.pin()
    if pin is None:
        raise AssertionError("a ledger was installed and not pinned")
    return Installation(done, pin, _policy(ledger), protections(ledger.access()), ledger.head())
