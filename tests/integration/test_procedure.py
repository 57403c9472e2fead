"""The executor of procedures with steps of a test, and the ledger that they are recorded in."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pointsctl.errors import ConnectionLostError, PointsctlError, RefusedError, TookTooLongError, WaitingError
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.configuration import Environment
from pointsctl.model.history import History
from pointsctl.model.procedure import RecordedProcedure, RecordedStep, Seen, StepDefinition, StepState
from pointsctl.model.progress import NoProgress, Progress
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.deployment_lock import procedure_lock, session_name
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.procedure import Execution, Hold, Step
from pointsctl.workflow.procedure_book import Author, ProcedureBook
from tests.support.ledgers import ADA, install, session
from tests.support.people import VARIABLES

NAME, RUN = "here", "01JZZZZZZZZZZZZZZZZZZZZZZ1"


class Fileful(Step):
    """Its work is a file; everything that a real step can do wrong, it can."""

    def __init__(self, name: str, folder: Path, *, changes: bool = False) -> None:
        self.definition = StepDefinition(name, name, timedelta(seconds=30), f"remove {name}")
        self.file = folder / name
        self.changes = changes
        self.does: Callable[[Cancellation], object] = lambda _limit: self.file.touch()
        self.requires: Callable[[], object] = lambda: None
        self.reason = ""

    def skipped(self) -> str:
        return self.reason

    def require(self, cancellation: Cancellation) -> None:
        del cancellation
        self.requires()

    def observe(self, cancellation: Cancellation) -> Seen:
        del cancellation
        there = self.file.exists()
        return Seen(done=there, summary="it is there" if there else "it is not there")

    def perform(self, cancellation: Cancellation, progress: Progress) -> None:
        del progress
        self.does(cancellation)


class Bench:
    """Two steps, of which the second changes something, and a ledger."""

    def __init__(self, folder: Path, url: str) -> None:
        install(url, NAME)
        self.url = url
        self.first, self.second = Fileful("first", folder), Fileful("second", folder, changes=True)
        self.stop = TimeLimit(60, time.monotonic)
        self.hold = Hold(lambda: None, lambda _step: None)

    def run(self) -> None:
        environment = Environment(database_url=self.url)
        steps = {one.definition.id: RecordedStep(one.definition.id) for one in (self.first, self.second)}
        now = self.history().now
        assert now is not None
        new = RecordedProcedure(RUN, "deploy", None, ADA, now, steps)
        found = self.recorded or new
        book = ProcedureBook(Author(NAME, environment, ADA, "0"), found, begun=found is not new)
        work = (self.stop, NoProgress())
        Execution((self.first, self.second), book, self.hold, work, time.monotonic, "again --resume").run()

    @property
    def recorded(self) -> RecordedProcedure | None:
        return next(iter(self.history().procedures), None)

    def history(self) -> History:
        with Ledger(self.url) as ledger:
            return read_history(ledger, VARIABLES)

    def states(self) -> list[StepState]:
        assert self.recorded is not None
        assert self.recorded.objection == ""
        return [one.state for one in self.recorded.steps.values()]


@pytest.fixture
def bench(tmp_path: Path, database_url: str) -> Bench:
    return Bench(tmp_path, database_url)


def test_what_is_there_is_not_done_again_and_what_is_not_is_done_once(bench: Bench) -> None:
    bench.first.file.touch()
    bench.run()
    assert bench.states() == [StepState.FINISHED, StepState.FINISHED]
    recorded = bench.recorded
    assert recorded is not None
    assert [one.attempts for one in recorded.steps.values()] == [0, 1]


def test_what_was_performed_and_is_not_there_is_no_success(bench: Bench) -> None:
    bench.second.does = lambda _limit: None
    with pytest.raises(RefusedError, match="it was performed, and is not done: it is not there"):
        bench.run()
    assert bench.states() == [StepState.FINISHED, StepState.FAILED]


def test_a_failure_names_what_is_done_what_undoing_means_and_how_to_go_on(bench: Bench) -> None:
    def fail(_limit: Cancellation) -> None:
        raise ConnectionLostError("the server went away", hint="wait for it")

    bench.second.does = fail
    with pytest.raises(ConnectionLostError) as caught:
        bench.run()
    assert caught.value.message == "step second: the server went away"
    assert caught.value.hint == "wait for it; done: first; to undo second: remove second; go on with `again --resume`"
    bench.second.does = lambda _limit: bench.second.file.touch()
    bench.run()
    recorded = bench.recorded
    assert recorded is not None
    assert recorded.steps["second"].attempts == 2


def test_nothing_is_begun_whose_end_can_be_seen_to_fail(bench: Bench) -> None:
    def refuse() -> None:
        raise RefusedError("the token is refused")

    bench.second.requires = refuse
    with pytest.raises(RefusedError, match="step first: the later step second could not be done: the token is refused"):
        bench.run()
    assert not bench.first.file.exists()
    assert bench.recorded is None


def test_the_guard_is_asked_before_a_change_and_its_no_is_no_failure(bench: Bench) -> None:
    def wait(step: Step) -> None:
        assert step is bench.second
        raise WaitingError("the deadline has passed", hint="decide")

    bench.hold = Hold(lambda: None, wait)
    with pytest.raises(WaitingError, match="step second: the deadline has passed"):
        bench.run()
    assert bench.states() == [StepState.FINISHED, StepState.NOT_STARTED]
    assert not bench.second.file.exists()


def test_a_lock_that_is_lost_changes_nothing(bench: Bench) -> None:
    def lost() -> None:
        raise ConnectionLostError("the lock is gone")

    bench.hold = Hold(lost, lambda _step: None)
    with pytest.raises(ConnectionLostError):
        bench.run()
    assert not bench.first.file.exists()
    assert bench.recorded is None


def test_a_step_that_does_not_end_is_told_to_stop_and_named(bench: Bench, tmp_path: Path) -> None:
    def hang(limit: Cancellation) -> None:
        while True:
            stop_if_over(limit, "the step of a test")

    bench.second.definition = StepDefinition("second", "second", timedelta(milliseconds=50), "nothing")
    bench.second.does = hang
    with pytest.raises(TookTooLongError, match="step second: it did not end within"):
        bench.run()
    assert bench.states() == [StepState.FINISHED, StepState.FAILED]


def test_a_wish_to_stop_ends_it_between_steps(bench: Bench) -> None:
    def stop_afterwards(_limit: Cancellation) -> None:
        bench.first.file.touch()
        bench.stop.cancel("interrupted")

    bench.first.does = stop_afterwards
    with pytest.raises(PointsctlError, match="step second: stopped before the step was begun"):
        bench.run()
    assert bench.states() == [StepState.FINISHED, StepState.NOT_STARTED]


def test_a_skipped_step_carries_its_reason(bench: Bench) -> None:
    bench.first.reason = "it does not apply here"
    bench.run()
    recorded = bench.recorded
    assert recorded is not None
    assert (recorded.steps["first"].state, recorded.steps["first"].summary) == (StepState.SKIPPED, bench.first.reason)


def test_the_lock_names_its_holder_and_is_known_to_be_lost(database_url: str) -> None:
    with procedure_lock(database_url, session_name("deploy", "ada@host", RUN)) as lock:
        lock.require_held()
        with pytest.raises(RefusedError, match=rf"pointsctl deploy ada@host {RUN}.*since"):
            procedure_lock(database_url, "another").__enter__()
        with session(database_url) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pointsctl deploy%'"
            )
        with pytest.raises(ConnectionLostError, match="the lock"):
            lock.require_held()


def test_a_lock_that_was_given_away_within_its_session_is_lost_as_well(database_url: str) -> None:
    with procedure_lock(database_url, "one") as lock:
        lock._connection.execute("SELECT pg_advisory_unlock_all()")
        with pytest.raises(ConnectionLostError):
            lock.require_held()


@pytest.mark.parametrize("operator", ["ada@host", "é" * 80, "a\x1b[2Jb", ""])
def test_a_session_is_named_in_63_bytes_with_the_whole_run(operator: str) -> None:
    name = session_name("deploy", operator, RUN)
    assert len(name.encode()) <= 63
    assert name.startswith("pointsctl deploy")
    assert name.endswith(RUN)
    assert name.isprintable()
