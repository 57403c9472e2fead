"""Ends a look whose time is up: over its limit, or because the operator asked to stop."""

from __future__ import annotations

from pointsctl.errors import InterruptedByOperatorError, PointsctlError, TookTooLongError
from pointsctl.model.cancellation import Cancellation


def stop_if_over(cancellation: Cancellation, what: str) -> None:
    """Do nothing while there is time. Raises what `over` gives when there is none, or a stop was requested."""
    if cancellation.requested or cancellation.remaining() <= 0:
        raise over(cancellation, what)


def over(cancellation: Cancellation, what: str) -> PointsctlError:
    """The error for `what` (`the command npm`) that had to end: TookTooLongError, or InterruptedByOperatorError."""
    if cancellation.remaining() > 0:
        return InterruptedByOperatorError(f"{what} was stopped", hint="run it again when you are ready")
    return TookTooLongError(
        f"{what} did not end within the time limit", hint="see why, or give the item a longer `timeout`"
    )
