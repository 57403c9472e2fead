"""Two pieces of work that end together."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from pointsctl.errors import InterruptedByOperatorError, StorageError, TookTooLongError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.time_limit import over
from pointsctl.postgres.together import together
from pointsctl.workflow.cancellation import TimeLimit

_PATIENCE_S = 60.0


def waits(cancellation: Cancellation) -> None:
    """Work that ends only when it is told to."""
    told = threading.Event()
    with cancellation.callback(told.set):
        assert told.wait(_PATIENCE_S)
    assert cancellation.requested
    raise over(cancellation, "waiting")


def fails(_: Cancellation) -> None:
    raise StorageError("no room")


def test_both_give_what_they_found() -> None:
    assert together(TimeLimit(_PATIENCE_S, monotonic), lambda _: 1, lambda _: "two") == (1, "two")


def test_when_one_fails_the_other_is_stopped_and_the_first_reason_is_told() -> None:
    for one, other in ((waits, fails), (fails, waits)):
        with pytest.raises(StorageError):
            together(TimeLimit(_PATIENCE_S, monotonic), one, other)


def test_a_request_to_stop_reaches_both() -> None:
    limit = TimeLimit(_PATIENCE_S, monotonic)
    threading.Thread(target=limit.cancel, args=("asked to",)).start()
    with pytest.raises((InterruptedByOperatorError, TookTooLongError)):
        together(limit, waits, waits)


def test_an_interruption_of_this_thread_stops_the_other() -> None:
    def interrupted(_: Cancellation) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(TimeLimit(_PATIENCE_S, monotonic), interrupted, waits)
