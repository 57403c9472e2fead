"""Opens the ledger of an environment for a command that acts, and refuses one that belongs to another environment."""

from __future__ import annotations

from pointsctl.errors import ContextMissingError, RefusedError
from pointsctl.ledger.condition import Condition, State
from pointsctl.ledger.installation import require_ready
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.pin import Pin, identity_text


def open_ledger(name: str, environment: Environment, *, damaged_too: bool = False) -> Ledger:
    """The ledger of the environment `name`; the caller closes it. `damaged_too` is for commands that only look for damage.

    Raises ContextMissingError (no ledger, no pin), RefusedError (damaged, foreign, newer, pinned to another environment or
    database, or pinned as protected where `environment` is not), PermissionMissingError (some records are hidden from the role), and what connecting raises.
    """
    ledger = Ledger(environment.database_url)
    try:
        require_ledger(ledger, name, environment, damaged_too=damaged_too)
    except BaseException:
        ledger.close()
        raise
    return ledger


def require_ledger(
    ledger: Ledger, name: str, environment: Environment, *, damaged_too: bool = False, state: State | None = None
) -> None:
    """What `open_ledger` asks of a ledger that is open already; raises the same, and leaves it open. `state` is what the caller
    has seen of it just now.
    """
    state = state or ledger.state()
    if state.condition is Condition.NONE:
        hint = f"install it with `pointsctl init --env {name}`"
        raise ContextMissingError(f"environment {name!r} has no ledger", hint=hint)
    if not (damaged_too and state.condition is Condition.DAMAGED):
        require_ready(state)
    ledger.require_all_visible()
    pin = require_pin(ledger, name)
    if pin.protected and not environment.protected and not damaged_too:
        # A variable or an edited line would do; only `init` asks for the name before it takes a protection away.
        raise RefusedError(
            f"environment {name!r} is pinned as protected, and the checklist does not protect it",
            hint=f"set `protected: true`; to take it away, run `pointsctl init --env {name}`",
        )


def require_pin(ledger: Ledger, name: str) -> Pin:
    """The pin in force, when it names this environment in this very database.

    Raises ContextMissingError without a pin, RefusedError naming both identities otherwise.
    """
    pin = ledger.pin()
    if pin is None:
        hint = f"pin it with `pointsctl init --env {name}`"
        raise ContextMissingError(f"the ledger of environment {name!r} is not pinned", hint=hint)
    here = ledger.database()
    if not pin.names(name, here):
        raise RefusedError(
            f"the ledger here is that of {identity_text(pin.name, pin.database)}, asked for was {identity_text(name, here)}",
            hint=pin.way_on(name, here),
        )
    return pin
