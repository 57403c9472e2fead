"""Kind `function`: passes only for what pointsctl deployed and the platform still runs, and for logs that somebody read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pointsctl.checks.interface import Functions
from pointsctl.errors import CouldNotLookError
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.deployed_function import DeployedFunction, LogLine
from pointsctl.model.finding import Observation, Outcome
from pointsctl.model.function_records import DeletedData, DeployedData, FunctionData, RecordedFunction, WatchedData
from pointsctl.model.history import History
from pointsctl.model.ledger import Kind
from pointsctl.model.plan import Bundle
from pointsctl.model.time_limit import stop_if_over
from tests.contract.checks_contract import Case, CheckContract
from tests.support.approvals import NAME, OLGA, planned
from tests.support.approvals import record as any_record
from tests.support.world import NOW, make_item, make_world

PROJECT = "abcdefghijklmnopqrst"
HELLO, OTHER = "hello", "other-one"
NAMES = (HELLO, OTHER)
BUNDLE = "ab" * 32
LEAST = timedelta(minutes=15)
AT = NOW - timedelta(hours=2)


def recorded(data: FunctionData, kind: Kind, seq: int, at: datetime = AT) -> RecordedFunction:
    return RecordedFunction(data, replace(any_record(seq, OLGA, "", kind), recorded_at=at))


def deployment(name: str = HELLO, seq: int = 10, at: datetime = AT, **changed: Any) -> RecordedFunction:
    values: dict[str, Any] = {
        "platform": "supabase",
        "project": PROJECT,
        "tool": "0",
        "name": name,
        "bundle": BUNDLE,
        "version_before": None,
        "version_after": "3",
        "sha256": None,
        "saved": None,
        "compared": True,
        "identified": "database",
        "procedure": None,
    }
    return recorded(DeployedData.model_validate({**values, **changed}), Kind.FUNCTION_DEPLOYED, seq, at)


def deletion(name: str = HELLO, seq: int = 20) -> RecordedFunction:
    data = DeletedData(platform="supabase", project=PROJECT, tool="0", name=name, version="3", saved=None)
    return recorded(data, Kind.FUNCTION_DELETED, seq)


def watch(since: datetime = AT, length: timedelta = LEAST, *, errors: int = 0, **changed: Any) -> RecordedFunction:
    values: dict[str, Any] = {
        "platform": "supabase",
        "project": PROJECT,
        "tool": "0",
        "functions": NAMES,
        "since": since,
        "until": since + length,
        "lines": 40,
        "errors": errors,
        "errors_by_function": {HELLO: errors} if errors else {},
    }
    return recorded(WatchedData.model_validate({**values, **changed}), Kind.FUNCTION_WATCHED, 30)


BOTH = (deployment(), deployment(OTHER, 11))
LISTED = tuple(DeployedFunction(name, "3", "ACTIVE") for name in NAMES)
LINE = LogLine(NOW - timedelta(minutes=5), HELLO, "info", "began")


def functions(
    listed: tuple[DeployedFunction, ...] = LISTED, logs: tuple[LogLine, ...] | None = (LINE,), **changed: Any
) -> Functions:
    def list_them(cancellation: Cancellation) -> tuple[DeployedFunction, ...]:
        stop_if_over(cancellation, "listing")
        return listed

    known = Functions(NAMES, LEAST, lambda: PROJECT, list_them, lambda *_: logs)
    return replace(known, **changed)


def case(
    folder: Path, *known: RecordedFunction, proves: str = "deployed", given: Functions | None = None, **changed: Any
) -> Case:
    world = make_world(folder, environment=NAME, item=make_item("function"))
    values: dict[str, Any] = {
        "target": NAME,
        "functions": given or functions(),
        "history": lambda: History(functions=known),
    }
    return Case({"proves": proves}, replace(world, **{**values, **changed}))


def look(folder: Path, *known: RecordedFunction, **changed: Any) -> Observation:
    return case(folder, *known, **changed).look("function")


class TestFunctionContract(CheckContract):
    kind = "function"

    @pytest.fixture
    def clean(self, tmp_path: Path) -> Case:
        return case(tmp_path, *BOTH)

    @pytest.fixture
    def violating(self, tmp_path: Path) -> Case:
        return case(tmp_path, *BOTH, given=functions(LISTED[:1]))

    @pytest.fixture
    def broken(self, tmp_path: Path) -> Case:
        return case(tmp_path, *BOTH, proves="no-errors", given=functions(logs=None))


def test_what_the_platform_runs_must_be_what_was_recorded(tmp_path: Path) -> None:
    other = (replace(LISTED[0], version="4"), LISTED[1])
    found = look(tmp_path, *BOTH, given=functions(other))
    assert (found.outcome, found.summary) == (Outcome.FAIL, "hello runs what pointsctl did not deploy")
    inactive = (replace(LISTED[0], status="REMOVED"), LISTED[1])
    assert look(tmp_path, *BOTH, given=functions(inactive)).outcome is Outcome.FAIL
    digest = (replace(LISTED[0], sha256="cd" * 32), LISTED[1])
    assert look(tmp_path, *BOTH, given=functions(digest)).outcome is Outcome.FAIL


def test_a_deployment_to_another_project_or_one_that_was_deleted_does_not_count(tmp_path: Path) -> None:
    elsewhere = [deployment(name, seq, project="another") for seq, name in enumerate(NAMES)]
    assert look(tmp_path, *elsewhere).outcome is Outcome.PENDING
    assert look(tmp_path, *BOTH, deletion()).outcome is Outcome.FAIL
    assert look(tmp_path, *BOTH, deletion(), deployment(seq=21)).outcome is Outcome.PASS


def test_without_functions_in_the_checklist_nothing_is_proven(tmp_path: Path) -> None:
    for proves in ("deployed", "logs-watched"):
        found = look(tmp_path, *BOTH, proves=proves, given=functions(names=()))
        assert found.outcome in {Outcome.ERROR, Outcome.PENDING}


def test_the_bytes_must_be_those_of_the_newest_plan(tmp_path: Path) -> None:
    def found(*bundles: str) -> Outcome:
        fixed = tuple(Bundle(name=name, sha256=sha256) for name, sha256 in zip(NAMES, bundles, strict=True))
        known = History(functions=BOTH, plans=(planned(functions=fixed),))
        return look(tmp_path, history=lambda: known).outcome

    assert found(BUNDLE, BUNDLE) is Outcome.PASS
    assert found(BUNDLE, "cd" * 32) is Outcome.FAIL


@pytest.mark.parametrize(
    ("watched", "outcome"),
    [
        (watch(), Outcome.PASS),
        (watch(length=LEAST - timedelta(seconds=1)), Outcome.PENDING),
        (watch(AT - timedelta(hours=1)), Outcome.PENDING),
        (watch(AT + timedelta(hours=1)), Outcome.PENDING),
        (watch(errors=1), Outcome.FAIL),
        (watch(functions=(HELLO,)), Outcome.PENDING),
        (watch(project="another"), Outcome.PENDING),
    ],
)
def test_logs_count_when_they_were_watched_from_the_deployment_on(
    tmp_path: Path, watched: RecordedFunction, outcome: Outcome
) -> None:
    assert look(tmp_path, *BOTH, watched, proves="logs-watched").outcome is outcome
    again = deployment(seq=40, at=AT + timedelta(minutes=30))
    assert look(tmp_path, *BOTH, watched, again, proves="logs-watched").outcome is Outcome.PENDING


def test_a_watch_without_errors_does_not_hide_one_with_errors(tmp_path: Path) -> None:
    found = look(tmp_path, *BOTH, watch(errors=2), watch(), proves="logs-watched")
    assert found.outcome is Outcome.FAIL


def test_empty_logs_show_nothing_and_an_error_is_told_with_its_function(tmp_path: Path) -> None:
    assert look(tmp_path, proves="no-errors").outcome is Outcome.PASS
    assert look(tmp_path, proves="no-errors", given=functions(logs=())).outcome is Outcome.PENDING
    bad = replace(LINE, level="error", message="no such\ncoupon \x1b[31m")
    found = look(tmp_path, proves="no-errors", given=functions(logs=(LINE, bad)))
    assert (found.outcome, found.summary) == (Outcome.FAIL, "1 error in the functions' logs: hello 1")
    assert "\x1b" not in str(found.evidence)


def test_an_environment_without_functions_skips_and_one_without_a_ledger_waits(tmp_path: Path) -> None:
    assert look(tmp_path, without=("functions",)).outcome is Outcome.SKIP
    assert look(tmp_path, history=lambda: None).outcome is Outcome.PENDING


def test_the_gate_reads_a_watch_from_the_ledger_and_remembers_the_rest(tmp_path: Path) -> None:
    watched = case(tmp_path, *BOTH, watch(), proves="logs-watched")
    seen = watched.check("function").from_the_ledger(watched.world)
    assert seen is not None
    assert seen.outcome is Outcome.PASS
    one = case(tmp_path, *BOTH)
    assert one.check("function").from_the_ledger(one.world) is None


def test_a_platform_that_cannot_be_asked_is_an_error(tmp_path: Path) -> None:
    def fail(_cancellation: Cancellation) -> tuple[DeployedFunction, ...]:
        raise CouldNotLookError("no answer", hint="again")

    with pytest.raises(CouldNotLookError):
        look(tmp_path, *BOTH, given=replace(functions(), listed=fail))
