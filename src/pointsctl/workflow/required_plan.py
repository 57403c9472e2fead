"""Refuses to go on for another plan than the one whose gate was open."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.model.history import History
from pointsctl.model.plan import SHORT


def require_plan(history: History, digest: str | None) -> None:
    """Raises RefusedError when the plan in force is another one than `digest`; None where no plan was needed."""
    found = history.plan.digest if history.plan else None
    if digest is not None and found != digest:
        message = f"asked for is plan {digest[:SHORT]}, in force is {found[:SHORT] if found else 'none'}"
        raise RefusedError(message, hint="somebody has made another one meanwhile: see `pointsctl plan list`")
