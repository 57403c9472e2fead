"""The fold of a procedure's records: what follows from them, and that nothing else is ever believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.ledger import Kind, Record
from pointsctl.model.plan import Migration
from pointsctl.model.procedure import (
    PROCEDURE_KINDS,
    RecordedProcedure,
    StepState,
    fold_procedures,
    open_procedure,
)
from pointsctl.model.procedure_records import (
    Ending,
    FailedStep,
    FinishedProcedure,
    FinishedStep,
    ProcedureData,
    StartedProcedure,
    StartedStep,
    draft_of,
)
from tests.support.approvals import OLGA
from tests.support.approvals import record as any_record

RUN, OTHER = "01JZZZZZZZZZZZZZZZZZZZZZZ1", "01JZZZZZZZZZZZZZZZZZZZZZZ2"
PLAN = "ab" * 32
FIRST = Migration(name="20250101000001_first.sql", sha256="01" * 32, reverse=None, verify=None)
BEGUN = StartedProcedure(procedure="deploy", steps=("gate", "migrate"), pending=(FIRST,), tool="0")


def recorded(seq: int, data: ProcedureData, run: str | None = RUN, **changed: Any) -> Record:
    """A record as the ledger has it."""
    draft = draft_of(data, "production", OLGA, run or "", PLAN)
    row = any_record(seq, OLGA, "", draft.kind)
    return replace(row, data=dict(draft.data), run=run, plan=PLAN, **changed)


def started(step: str, attempt: int = 1) -> StartedStep:
    return StartedStep(procedure="deploy", step=step, attempt=attempt, summary="not there")


def finished(step: str, attempt: int = 1, *, skipped: bool = False) -> FinishedStep:
    return FinishedStep(
        procedure="deploy", step=step, attempt=attempt, summary="there", skipped=skipped, evidence={"a": 1}
    )


def failed(step: str) -> FailedStep:
    return FailedStep(procedure="deploy", step=step, attempt=1, summary="no", code="refused")


def ended(ending: Ending = Ending.DONE) -> FinishedProcedure:
    return FinishedProcedure(procedure="deploy", ending=ending, summary="over", share=0.0)


def one(*entries: ProcedureData) -> RecordedProcedure:
    (found,) = fold_procedures([recorded(seq, data) for seq, data in enumerate(entries, 1)])
    return found


def test_no_records_are_no_procedures() -> None:
    assert fold_procedures([]) == ()
    assert open_procedure(()) is None


def test_the_steps_stand_as_their_newest_records_say() -> None:
    found = one(BEGUN, finished("gate", 0, skipped=True), started("migrate"), failed("migrate"), started("migrate", 2))
    assert (found.procedure, found.run, found.plan, found.operator) == ("deploy", RUN, PLAN, OLGA)
    assert found.pending == (FIRST,)
    assert found.steps["gate"].state is StepState.SKIPPED
    assert (found.steps["migrate"].state, found.steps["migrate"].attempts) == (StepState.STARTED, 2)
    assert found.at is not None
    assert (found.at.id, found.open, found.objection) == ("migrate", True, "")


def test_it_ends_when_every_step_is_over() -> None:
    found = one(BEGUN, finished("gate"), started("migrate"), finished("migrate"), ended())
    assert (found.open, found.objection, found.at) == (False, "", None)


def test_one_that_claims_its_end_too_early_is_not_believed() -> None:
    found = one(BEGUN, finished("gate"), ended())
    assert "the step 'migrate' was not done" in found.objection


def test_an_abandoned_one_is_over_wherever_it_was() -> None:
    found = one(BEGUN, started("gate"), ended(Ending.ABANDONED))
    assert (found.open, found.objection, found.abandoned) == (False, "", "over")


def test_what_does_not_follow_is_an_objection_and_stays_open_until_it_is_given_up() -> None:
    wrongs: tuple[ProcedureData, ...] = (started("rollback-everything"), BEGUN)
    for wrong in wrongs:
        found = one(BEGUN, wrong)
        assert found.objection
        assert found.open
        given_up = one(BEGUN, wrong, ended(Ending.ABANDONED))
        assert not given_up.open
    orphan = one(started("gate"))
    assert (orphan.objection, orphan.open) == ("record 1 (step.started): nothing has begun it", True)


def test_a_record_after_the_end_or_of_another_plan_or_without_its_data_is_an_objection() -> None:
    whole: list[ProcedureData] = [BEGUN, finished("gate"), finished("migrate"), ended()]
    records = [recorded(seq, data) for seq, data in enumerate(whole, 1)]
    (late,) = fold_procedures([*records, recorded(9, started("gate"))])
    assert "it had ended before" in late.objection
    (foreign,) = fold_procedures([records[0], replace(recorded(2, started("gate")), plan="cd" * 32)])
    assert "another procedure or plan" in foreign.objection
    (empty,) = fold_procedures([records[0], replace(records[1], data={})])
    assert "is not as expected" in empty.objection
    (unknown,) = fold_procedures([records[0], replace(records[1], kind="step.imagined")])
    assert "unknown kind" in unknown.objection


def test_two_runs_are_two_procedures_and_the_newest_open_one_is_found() -> None:
    records = [recorded(1, BEGUN), recorded(2, BEGUN, OTHER), recorded(3, started("gate"))]
    both = fold_procedures(records)
    assert [each.run for each in both] == [RUN, OTHER]
    newest = open_procedure(both)
    assert newest is not None
    assert newest.run == OTHER


def test_records_that_name_no_procedure_close_nothing() -> None:
    assert fold_procedures([recorded(1, BEGUN, run=None)]) == ()


DATA = st.sampled_from(
    [BEGUN, started("gate"), finished("gate"), failed("gate"), started("migrate"), finished("migrate"), ended()]
)


@given(st.lists(st.tuples(DATA, st.sampled_from([RUN, OTHER])), max_size=12))
def test_any_order_is_folded_and_none_is_done_whose_steps_are_not(entries: list[tuple[ProcedureData, str]]) -> None:
    found = fold_procedures([recorded(seq, data, run) for seq, (data, run) in enumerate(entries, 1)])
    assert {each.run for each in found} == {run for _, run in entries}
    for each in found:
        if not each.open and not each.objection:
            assert all(step.over for step in each.steps.values())
            assert each.steps


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(PROCEDURE_KINDS)),
            st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=8) | st.integers(), max_size=4),
        ),
        max_size=5,
    )
)
def test_no_data_whatever_breaks_it(entries: list[tuple[str, dict[str, Any]]]) -> None:
    rows = [replace(recorded(seq, ended()), kind=kind, data=data) for seq, (kind, data) in enumerate(entries, 1)]
    for each in fold_procedures(rows):
        assert each.objection


def test_each_kind_has_its_data() -> None:
    kinds = {
        str(draft_of(data, "here", OLGA, RUN, None).kind)
        for data in (BEGUN, started("a"), finished("a"), failed("a"), ended())
    }
    assert kinds == PROCEDURE_KINDS
    assert str(Kind.PROCEDURE_STARTED) in kinds
