"""The runner: order, concurrency, time limits, interruption, and that nothing ever becomes a pass by accident."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.checks.interface import World
from pointsctl.errors import PermissionMissingError
from pointsctl.model.checklist import Item
from pointsctl.model.finding import Finding, Observation, Outcome
from pointsctl.model.run import Run, Verdict
from pointsctl.workflow.run_items import run_items
from tests.support.checks import BAD, GOOD, Clock, Scripted, gate, gives, item, raises, request

PATIENCE_S = 20


class Log:
    """Notes what the runner tells its observer."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def run_started(self, items: Sequence[Item]) -> None:
        """Noted with the number of items."""
        self.lines.append(("run", str(len(items))))

    def item_started(self, item: Item, environment: str) -> None:
        """Noted with where it looks."""
        self.lines.append(("started", f"{item.id} at {environment}"))

    def item_finished(self, finding: Finding) -> None:
        """Noted with its outcome."""
        self.lines.append((finding.outcome.value, finding.id))

    def run_finished(self, run: Run) -> None:
        """Noted with the verdict."""
        self.lines.append(("verdict", run.verdict.value))


def outcomes(run: Run) -> dict[str, str]:
    return {finding.id: finding.outcome.value for finding in run.findings}


def finding(run: Run, item_id: str) -> Observation:
    return next(one.observation for one in run.findings if one.id == item_id)


def test_passes_make_a_ready_run_and_the_observer_hears_everything() -> None:
    log = Log()
    run = run_items(request({"a.one": gives(GOOD)}, jobs=1), log)
    assert run.verdict is Verdict.READY
    assert log.lines == [("run", "1"), ("started", "a.one at production"), ("pass", "a.one"), ("verdict", "ready")]


def test_secret_in_a_title_is_masked() -> None:
    titled = item("a.one", title="Deployed with hunter22")
    run = run_items(request({"a.one": gives(GOOD)}, items=[titled], secrets=["hunter22"]))
    assert run.findings[0].title == "Deployed with [redacted]"


def test_findings_are_in_the_order_of_the_file_whatever_finishes_first() -> None:
    second_done = threading.Event()

    def slow(_world: World) -> Observation:
        assert second_done.wait(PATIENCE_S)
        return GOOD

    def quick(_world: World) -> Observation:
        second_done.set()
        return GOOD

    run = run_items(request({"a.one": Scripted(act=slow), "a.two": Scripted(act=quick)}, jobs=2))
    assert list(outcomes(run)) == ["a.one", "a.two"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionMissingError("role 'x' may not read coupons", hint="grant it"), "role 'x' may not read coupons"),
        (ValueError("boom"), "ValueError: boom"),
        (SystemExit(0), "SystemExit: 0"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (RecursionError(), "RecursionError"),
    ],
)
def test_every_exception_is_an_error_with_its_cause_and_stops_nobody_else(error: BaseException, text: str) -> None:
    run = run_items(request({"a.bad": raises(error), "a.good": gives(GOOD)}))
    assert outcomes(run) == {"a.bad": "error", "a.good": "pass"}
    assert text in finding(run, "a.bad").summary
    assert run.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "nonsense",
    [None, "pass", Outcome.PASS, Observation(Outcome.PASS, "fine"), Observation(Outcome.WAIVED, "signed", "yes")],
)
def test_a_check_cannot_pass_without_saying_what_it_saw_nor_waive(nonsense: object) -> None:
    run = run_items(request({"a.one": gives(nonsense)}))
    assert outcomes(run) == {"a.one": "error"}


def test_an_item_is_looked_at_only_after_what_it_needs() -> None:
    seen: list[str] = []

    def note(name: str) -> Scripted:
        def act(_world: World) -> Observation:
            seen.append(name)
            return GOOD

        return Scripted(act=act)

    items = [item("a.last", needs=("a.mid",)), item("a.mid", needs=("a.first",)), item("a.first")]
    checks = {"a.last": note("last"), "a.mid": note("mid"), "a.first": note("first")}
    run = run_items(request(checks, items=items, jobs=8))
    assert seen == ["first", "mid", "last"]
    assert run.verdict is Verdict.READY


def test_what_may_take_longest_starts_first() -> None:
    log = Log()
    items = [item("a.short"), item("a.long", timeout="5m"), item("a.other")]
    run = run_items(request({one.id: gives(GOOD) for one in items}, items=items, jobs=1), log)
    started = [text.split()[0] for what, text in log.lines if what == "started"]
    assert started == ["a.long", "a.short", "a.other"]
    assert list(outcomes(run)) == ["a.short", "a.long", "a.other"]


@pytest.mark.parametrize("bad", [BAD, Observation.error("x", hint="y"), Observation.pending("x", hint="y")])
def test_an_item_whose_need_is_not_satisfied_waits_and_is_never_looked_at(bad: Observation) -> None:
    items = [item("a.need"), item("a.dangerous", needs=("a.need",))]
    checks = {"a.need": gives(bad), "a.dangerous": raises(AssertionError("must not run"))}
    run = run_items(request(checks, items=items))
    assert outcomes(run)["a.dangerous"] == "pending"
    assert "a.need" in finding(run, "a.dangerous").summary


def test_an_item_for_another_environment_is_skipped_with_the_reason() -> None:
    items = [item("a.only", environments=("staging",)), item("a.all")]
    run = run_items(request({"a.only": raises(AssertionError()), "a.all": gives(GOOD)}, items=items))
    assert outcomes(run) == {"a.only": "skip", "a.all": "pass"}
    assert "staging" in finding(run, "a.only").summary


def test_a_run_in_which_everything_was_skipped_knows_nothing() -> None:
    run = run_items(request({"a.only": gives(GOOD)}, items=[item("a.only", environments=("staging",))]))
    assert run.verdict is Verdict.UNKNOWN


def test_an_empty_run_knows_nothing() -> None:
    assert run_items(request({})).verdict is Verdict.UNKNOWN


def test_independent_items_run_at_the_same_time_up_to_jobs() -> None:
    together = threading.Barrier(3, timeout=PATIENCE_S)

    def meet(_world: World) -> Observation:
        together.wait()  # breaks unless three are inside at once
        return GOOD

    checks = {f"a.n{number}": Scripted(act=meet) for number in range(3)}
    assert run_items(request(checks, jobs=3)).verdict is Verdict.READY


@pytest.mark.parametrize("jobs", [1, 2])
def test_never_more_than_jobs_at_once(jobs: int) -> None:
    inside = threading.Semaphore(jobs)

    def enter(_world: World) -> Observation:
        free = inside.acquire(blocking=False)
        if free:
            inside.release()
        return GOOD if free else BAD

    checks = {f"a.n{number}": Scripted(act=enter) for number in range(12)}
    assert run_items(request(checks, jobs=jobs)).verdict is Verdict.READY


def test_a_look_that_takes_too_long_is_told_to_stop_and_is_an_error_even_if_it_then_says_pass() -> None:
    clock = Clock()
    told = threading.Event()

    def slow(world: World) -> Observation:
        with world.cancellation.callback(told.set):
            clock.advance(61)
            assert told.wait(PATIENCE_S)
        return GOOD

    run = run_items(request({"a.slow": Scripted(act=slow), "a.good": gives(GOOD)}, clock=clock, jobs=1))
    assert outcomes(run) == {"a.slow": "error", "a.good": "pass"}
    assert "took longer than 1m" in finding(run, "a.slow").summary


def test_a_look_that_ignores_being_told_is_left_behind() -> None:
    clock = Clock()
    release = threading.Event()

    def stuck(_world: World) -> Observation:
        while not release.wait(0.005):  # time passes, and it takes no notice of anything
            clock.advance(1)
        return GOOD

    try:
        run = run_items(request({"a.stuck": Scripted(act=stuck), "a.good": gives(GOOD)}, clock=clock, jobs=1))
    finally:
        release.set()
    assert outcomes(run) == {"a.stuck": "error", "a.good": "pass"}
    assert "did not stop" in finding(run, "a.stuck").summary


def test_an_interruption_stops_what_runs_starts_nothing_more_and_is_never_ready() -> None:
    stop = threading.Event()
    told = threading.Event()

    def first(world: World) -> Observation:
        with world.cancellation.callback(told.set):
            stop.set()
            assert told.wait(PATIENCE_S)
        return GOOD

    checks = {"a.first": Scripted(act=first), "a.second": raises(AssertionError("must not run"))}
    run = run_items(request(checks, jobs=1, interrupted=stop.is_set))
    assert outcomes(run) == {"a.first": "error", "a.second": "error"}
    assert "interrupted" in finding(run, "a.second").summary
    assert run.exit_code == 130
    assert run.verdict is Verdict.UNKNOWN


def test_secrets_are_masked_in_every_part_of_a_finding_also_percent_encoded() -> None:
    secret = "p@ss/word&1"
    leaky = Observation(
        Outcome.FAIL,
        f"a {secret}",
        f"b {secret}",
        f"c {secret}",
        f"d {secret}",
        {secret: [f"e {secret}", {"f": "p%40ss%2Fword%261"}]},
    )
    run = run_items(request({"a.one": gives(leaky)}, secrets=[secret]))
    shown = repr(run.findings)
    assert secret not in shown
    assert "p%40ss" not in shown
    assert shown.count("[redacted]") == 7


class TestGate:
    """A gate folds other items and never has a truth of its own."""

    def test_opens_when_everything_passes(self) -> None:
        run = run_items(request({"a.gate": gate("a.one"), "a.one": gives(GOOD)}, references={"a.gate": ("a.one",)}))
        assert outcomes(run)["a.gate"] == "pass"

    @pytest.mark.parametrize("bad", [BAD, Observation.error("x", hint="y"), Observation.pending("x", hint="y")])
    def test_takes_the_outcome_of_the_worst(self, bad: Observation) -> None:
        checks = {"a.gate": gate("a.*"), "a.one": gives(GOOD), "a.two": gives(bad)}
        run = run_items(request(checks, references={"a.gate": ("a.one", "a.two")}))
        assert outcomes(run)["a.gate"] == bad.outcome.value
        assert "a.two" in finding(run, "a.gate").summary

    def test_stays_closed_when_everything_was_skipped(self) -> None:
        items = [item("a.gate"), item("a.one", environments=("staging",))]
        checks = {"a.gate": gate("a.one"), "a.one": gives(GOOD)}
        run = run_items(request(checks, items=items, references={"a.gate": ("a.one",)}))
        assert outcomes(run) == {"a.gate": "error", "a.one": "skip"}

    def test_stays_closed_over_nothing(self) -> None:
        run = run_items(request({"a.gate": gate("a.one")}))
        assert outcomes(run) == {"a.gate": "error"}

    @given(st.lists(st.sampled_from(["pass", "fail", "error", "pending"]), min_size=1, max_size=6))
    def test_is_open_only_if_all_pass(self, kinds: list[str]) -> None:
        made = {
            "pass": GOOD,
            "fail": BAD,
            "error": Observation.error("x", hint="y"),
            "pending": Observation.pending("x", hint="y"),
        }
        members = {f"a.n{number}": gives(made[kind]) for number, kind in enumerate(kinds)}
        run = run_items(request({"a.gate": gate("a.n*"), **members}, references={"a.gate": tuple(members)}))
        assert (outcomes(run)["a.gate"] == "pass") == (set(kinds) == {"pass"})
        assert (run.verdict is Verdict.READY) == (set(kinds) == {"pass"})
