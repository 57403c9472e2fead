"""The shipped checklist holds the whole paper checklist, can be loaded, and agrees with the pages made from it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pointsctl import kinds
from pointsctl.checks.sql_audit import SqlAudit
from pointsctl.model.checklist import Checklist, FieldType, Item, Section
from pointsctl.model.document import parse_document
from pointsctl.model.duration import PATTERN, parse_duration
from pointsctl.workflow.load_checklist import Loaded, load_checklist

ROOT = Path(__file__).resolve().parents[2]
STRUCTURE: list[dict[str, Any]] = json.loads((ROOT / "tests/data/seed_structure.json").read_text("utf-8"))
HEADINGS = [entry["heading"] for entry in STRUCTURE]


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_checklist(ROOT / "checklist.yaml", {})


@pytest.fixture(scope="module")
def checklist(loaded: Loaded) -> Checklist:
    return loaded.checklist


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs/checklist.schema.json").read_text("utf-8"))
    return found


@pytest.fixture
def data() -> Any:
    return copy.deepcopy(parse_document((ROOT / "checklist.yaml").read_text("utf-8")).data)


def sections(checklist: Checklist) -> list[Section]:
    """The sections that stand for a heading of the paper; the others were added here."""
    return [section for phase in checklist.phases for section in phase.sections if section.source]


def section(checklist: Checklist, heading: str) -> Section:
    (found,) = [one for one in sections(checklist) if one.source == heading]
    return found


def item(checklist: Checklist, item_id: str) -> Item:
    found = checklist.find(item_id)
    assert found is not None, item_id
    return found


# ---------------------------------------------------------------------------------------------------------------------
# The whole paper, box by box and blank by blank
# ---------------------------------------------------------------------------------------------------------------------


def test_every_box_is_one_item(checklist: Checklist) -> None:
    ids = [one.id for section in sections(checklist) for one in section.walk()]
    assert len(ids) == 164
    assert len(set(ids)) == 164


def test_what_was_added_to_the_paper_is_executed_by_the_machine(checklist: Checklist) -> None:
    added = [
        one for phase in checklist.phases for section in phase.sections if not section.source for one in section.walk()
    ]
    assert added
    assert {one.kind for one in added} == {"sql_audit"}


def test_headings_come_in_the_order_of_the_paper(checklist: Checklist) -> None:
    in_file = [one.source for one in sections(checklist)]
    # The operator's own sign-off and the reference parts stand at the end in both.
    assert in_file == HEADINGS


@pytest.mark.parametrize("entry", STRUCTURE, ids=HEADINGS)
def test_boxes_are_nested_as_on_paper(checklist: Checklist, entry: dict[str, Any]) -> None:
    items = section(checklist, entry["heading"]).items
    assert [len(one.items) for one in items] == entry["boxes"]
    assert not [one.id for top in items for child in top.items for one in child.items]


@pytest.mark.parametrize("entry", STRUCTURE, ids=HEADINGS)
def test_every_blank_is_one_field(checklist: Checklist, entry: dict[str, Any]) -> None:
    found = section(checklist, entry["heading"])
    fields = [*found.fields, *(field for one in found.walk() for field in one.fields)]
    empty = [field for field in fields if field.value is None and field.type != FieldType.ACKNOWLEDGEMENT]
    given = [field for field in fields if field.value is not None]
    statements = [field for field in fields if field.type == FieldType.ACKNOWLEDGEMENT]
    assert (len(given), len(statements)) == (entry["given"], entry["statements"])
    if entry["blanks"]:
        assert len(empty) == entry["blanks"]
    else:  # where paper had no blank, a person may still be asked for the number that was seen
        asked = {one.kind for one in found.walk() if one.fields}
        assert asked <= {"attestation"}


def test_field_names_are_unique_where_they_stand(checklist: Checklist) -> None:
    holders: list[Section | Item] = [*sections(checklist), *checklist.walk()]
    for holder in holders:
        names = [field.name for field in holder.fields]
        assert len(names) == len(set(names)), holder.id


# ---------------------------------------------------------------------------------------------------------------------
# Gates and needs
# ---------------------------------------------------------------------------------------------------------------------


def test_the_five_conditions_are_gates_over_items_elsewhere(loaded: Loaded) -> None:
    five = section(loaded.checklist, "DO NOT PROCEED WITHOUT:").items
    ids = {one.id for one in five}
    assert len(five) == 5
    for one in five:
        assert (one.kind, one.severity, one.waivable) == ("gate", "critical", False)
        assert loaded.references[one.id]
        assert not ids & set(loaded.references[one.id])


def test_the_staging_gate_stands_for_the_whole_section(loaded: Loaded) -> None:
    whole = [one.id for one in section(loaded.checklist, "Staging Environment").walk()]
    assert list(loaded.references["gate.staging-passed"]) == whole


def test_the_canary_gate_stands_for_the_whole_canary_and_nothing_later(loaded: Loaded) -> None:
    whole = [one.id for one in section(loaded.checklist, "Canary Rollout (5%)").walk()]
    assert list(loaded.references["gate.canary-24h"]) == whole


def test_the_backup_gate_asks_for_a_verified_restore(loaded: Loaded) -> None:
    assert {"backup.taken", "backup.restore-tested", "backup.restore-verified"} <= set(
        loaded.references["gate.verified-backup"]
    )


def test_all_five_gates_are_asked_for_before_what_they_protect(checklist: Checklist) -> None:
    before = next(phase for phase in checklist.phases if phase.id == "pre-deployment")
    rollout = section(checklist, "Gradual Rollout")
    five = [one.id for one in section(checklist, "DO NOT PROCEED WITHOUT:").items]
    assert [*before.gates, *rollout.gates] == five


def test_a_parent_that_says_nothing_itself_is_a_gate_over_its_children(loaded: Loaded) -> None:
    parents = [one for one in loaded.checklist.walk() if one.items and one.kind == "gate"]
    assert len(parents) == 11
    for parent in parents:
        assert list(loaded.references[parent.id]) == [child.id for child in parent.items]


def test_what_can_be_looked_at_never_waits_for_what_cannot(checklist: Checklist) -> None:
    waiting = {one.id for one in checklist.walk() if one.kind in {"planned", "attestation"}}
    executing = [one for one in checklist.walk() if one.kind not in {"planned", "attestation", "gate"}]
    assert len(executing) >= 34
    assert [(one.id, need) for one in executing for need in one.needs if need in waiting] == []


def test_what_must_hold_cannot_be_waived(checklist: Checklist) -> None:
    for item_id in (
        "environment.coupon-secret",
        "security.rls-enabled",
        "security.client-write-fails",
        "security.own-rows-only",
        "security.coupon-codes",
        "backup.restore-verified",
        "approval.engineering-lead",
        "approval.operations-lead",
        "trigger.data-loss",
    ):
        assert item(checklist, item_id).waivable is False, item_id


def test_only_the_security_review_is_optional(checklist: Checklist) -> None:
    required = {name: role.required for name, role in checklist.approvals.roles.items()}
    assert required == {"engineering-lead": True, "operations-lead": True, "security": False}


# ---------------------------------------------------------------------------------------------------------------------
# The figures of the paper
# ---------------------------------------------------------------------------------------------------------------------

FIGURES = {
    "backup.retention-documented": "7 days",
    "staging.integration-tests": "100 %",
    "staging.load-users": "100 users",
    "staging.load-p95": "p95 latency stayed below 2 seconds",
    "staging.load-errors": "Fewer than 1 %",
    "staging.load-cpu": "below 70 %",
    "function.logs-watched": "first 15 minutes",
    "gate.canary-24h": "5 % for 24 hours",
    "rollout.canary-flag": "5 %",
    "rollout.canary-1h": "first hour",
    "rollout.canary-1h-rejection-rate": "Fewer than 10 %",
    "rollout.canary-24h": "24 hours",
    "rollout.canary-24h-rejection-rate": "Fewer than 5 %",
    "rollout.canary-24h-trust-score": "above 50",
    "rollout.canary-24h-fraud-false-positives": "Fewer than 10 %",
    "rollout.canary-24h-support-tickets": "fewer than 5 tickets",
    "rollout.canary-24h-no-incidents": "no P0 and no P1",
    "rollout.stage-25": "After 24 hours of canary, the flag is on for 25 %",
    "rollout.stage-25-metrics-stable": "12 hours",
    "rollout.stage-25-error-rate": "Fewer than 1 %",
    "rollout.stage-50": "After 36 hours, the flag is on for 50 %",
    "rollout.stage-50-metrics-stable": "12 hours",
    "rollout.stage-100": "After 48 hours, the flag is on for 100 %",
    "verification.worker-health": "Fewer than 100 events have been pending for over an hour",
    "verification.event-rate": "last hour",
    "monitoring.alert-rejection-rate": "more than 25 %",
    "trigger.duplicate-coupons": "the limit is 0",
    "trigger.cache-discrepancy": "no more than 1 % of the users",
    "trigger.rejection-rate": "No more than 50 %",
    "trigger.database-error-rate": "No more than 5 %",
    "trigger.function-error-rate": "No more than 10 %",
    "success.validation-p95": "below 1 second",
    "success.redemption-p95": "below 2 seconds",
    "success.function-error-rate": "Fewer than 1 %",
    "success.query-timeout-rate": "Fewer than 0.1 %",
    "success.rejection-rate": "Fewer than 5 %",
    "success.fraud-false-positives": "Fewer than 10 %",
    "success.review-time": "less than 4 hours",
    "success.cache-consistency": "100 %",
    "success.duplicate-coupons": "0 %",
    "success.support-tickets": "fewer than 10 tickets a day",
    "success.complaints": "fewer than 5 times a day",
    "success.uptime": "99.9 %",
}


@pytest.mark.parametrize(("item_id", "figure"), FIGURES.items(), ids=FIGURES)
def test_figures_stand_where_they_belong(checklist: Checklist, item_id: str, figure: str) -> None:
    assert figure in item(checklist, item_id).title


def test_the_coupon_secret_has_32_characters_or_more(checklist: Checklist) -> None:
    rule = item(checklist, "environment.coupon-secret").parameters["variables"]["COUPON_SECRET"]
    assert rule["min_length"] == 32
    assert rule["secret"] is True


def test_the_configuration_holds_the_figures(checklist: Checklist) -> None:
    hours = [(stage.percent, stage.hold) for stage in checklist.rollout.stages]
    half_day = timedelta(hours=12)
    assert hours == [(5, timedelta(hours=24)), (25, half_day), (50, half_day), (100, None)]
    assert checklist.backup.retention == timedelta(days=7)
    assert checklist.migrations.window == timedelta(minutes=30)
    assert checklist.functions.watch_logs_for == timedelta(minutes=15)
    assert checklist.functions.names == ("submit-points-event", "validate-points-event", "redeem-coupon")


def test_every_trigger_of_the_paper_has_its_limit(checklist: Checklist) -> None:
    limits = {name: trigger.above for name, trigger in checklist.triggers.items()}
    assert limits == {
        "duplicate-coupons": 0,
        "cache-discrepancy": 1,
        "rejection-rate": 50,
        "database-error-rate": 5,
        "function-error-rate": 10,
        "data-loss": None,
        "security-vulnerability": None,
    }
    assert [name for name, trigger in checklist.triggers.items() if trigger.declared] == [
        "data-loss",
        "security-vulnerability",
    ]
    boxes = [one.id.removeprefix("trigger.") for one in section(checklist, "Immediate Rollback Required If:").items]
    assert boxes == list(checklist.triggers)


def test_links_that_never_change_are_filled_in(checklist: Checklist) -> None:
    links = {field.name: field.value for field in section(checklist, "Quick Links").fields}
    assert links["documentation"] == "POINTS_SYSTEM_README.md"
    assert links["admin-dashboard"] == "/points-admin"
    assert links["incident-response"] is None


def test_production_is_protected_and_no_secret_has_a_default(checklist: Checklist) -> None:
    assert checklist.environments["production"].protected
    for environment in checklist.environments.values():
        assert set(environment.variables.values()) == {""}
        assert environment.database_url.startswith("${")


def test_the_loader_asks_for_a_database_only_when_its_environment_is_used(loaded: Loaded) -> None:
    assert set(loaded.unset) == {"production", "staging"}


# ---------------------------------------------------------------------------------------------------------------------
# The schema for editors, and the generated pages
# ---------------------------------------------------------------------------------------------------------------------


def test_the_first_line_names_the_schema() -> None:
    first, _, _ = (ROOT / "checklist.yaml").read_text("utf-8").partition("\n")
    assert first == "# yaml-language-server: $schema=docs/checklist.schema.json"
    assert (ROOT / first.partition("=")[2]).is_file()


def test_the_schema_is_one_and_the_checklist_agrees_with_it(schema: dict[str, Any], data: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(data)


def first_item(data: Any, kind: str) -> Any:
    waiting = [one for phase in data["phases"] for part in phase["sections"] for one in part.get("items", ())]
    while waiting:
        one = waiting.pop(0)
        if one["kind"] == kind:
            return one
        waiting.extend(one.get("items", ()))
    raise AssertionError(kind)


BREAKAGES: dict[str, Callable[[Any], object]] = {
    "unknown key": lambda data: data.update(phase=[]),
    "no title": lambda data: data.pop("title"),
    "misspelt kind": lambda data: first_item(data, "env").update(kind="evn"),
    "variable as kind": lambda data: first_item(data, "env").update(kind="${KIND}"),
    "id with a space": lambda data: first_item(data, "env").update(id="a b"),
    "variable as id": lambda data: first_item(data, "env").update(id="${ID}"),
    "unknown severity": lambda data: first_item(data, "env").update(severity="urgent"),
    "number as duration": lambda data: first_item(data, "env").update(timeout=30),
    "text as truth": lambda data: first_item(data, "env").update(waivable="maybe"),
    "percentage over 100": lambda data: data["rollout"]["stages"][0].update(percent=101),
    "misspelt parameter": lambda data: first_item(data, "planned")["with"].update(wait_for="x"),
    "parameters of another kind": lambda data: first_item(data, "sql_audit").update({"with": {"argv": ["ls"]}}),
    "required parameters left out": lambda data: first_item(data, "sql_audit").pop("with"),
}


@pytest.mark.parametrize("break_it", BREAKAGES.values(), ids=BREAKAGES)
def test_the_schema_refuses_a_broken_checklist(
    schema: dict[str, Any], data: Any, break_it: Callable[[Any], object]
) -> None:
    break_it(data)
    assert not jsonschema.Draft202012Validator(schema).is_valid(data)


@pytest.mark.parametrize("value", ["${LIMIT}", "${LIMIT:-5}"])
def test_the_schema_allows_a_variable_for_numbers_durations_and_truths(
    schema: dict[str, Any], data: Any, value: str
) -> None:
    data["rollout"]["stages"][0].update(percent=value, hold=value)
    first_item(data, "env").update(waivable=value, timeout=value, severity=value)
    jsonschema.Draft202012Validator(schema).validate(data)


def test_the_schema_knows_the_parameters_of_every_kind(schema: dict[str, Any]) -> None:
    named = {name.removeprefix("with.") for name in schema["$defs"] if name.startswith("with.")}
    assert named == set(kinds.names("checks"))


def duration_defaults(part: Any) -> list[str]:
    children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    found = [default for child in children for default in duration_defaults(child)]
    inner = part.get("anyOf", [{}])[0] if isinstance(part, dict) else {}
    if isinstance(inner, dict) and inner.get("pattern") == PATTERN and "default" in inner:
        found.append(inner["default"])
    return found


def test_defaults_of_durations_are_written_as_the_file_takes_them(schema: dict[str, Any]) -> None:
    found = duration_defaults(schema)
    assert {"1m", "7d", "15m", "30m"} <= set(found)
    assert [parse_duration(default) for default in found]


def generate(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The screens need a sandbox and half a minute; `make docs-check` looks at them.
    command = [sys.executable, str(root / "docs/generate.py"), "--pages", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_pages_are_up_to_date() -> None:
    run = generate(ROOT, "--check")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_a_page_that_is_out_of_date_is_shown_and_mended(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "checklist.yaml", tmp_path)
    page = tmp_path / "docs/checklist.md"
    good = page.read_text("utf-8")
    page.write_text(good.replace("`backup.taken`", "`backup.mistaken`"), "utf-8")
    (tmp_path / "docs/kinds.md").unlink()

    check = generate(tmp_path, "--check")
    assert check.returncode == 1
    assert "-| `backup.mistaken`" in check.stdout
    assert "+| `backup.taken`" in check.stdout
    assert "+# Kinds of checks" in check.stdout
    assert "backup.mistaken" in page.read_text("utf-8")  # looking changes nothing

    assert generate(tmp_path).returncode == 0
    assert page.read_text("utf-8") == good
    assert generate(tmp_path, "--check").returncode == 0


def test_the_generator_refuses_arguments_that_it_does_not_know() -> None:
    run = generate(ROOT, "--chekc")
    assert (run.returncode, run.stderr) == (2, "usage: python docs/generate.py [--check] [--pages]\n")


def test_the_table_names_every_item_with_its_heading(checklist: Checklist) -> None:
    page = (ROOT / "docs/checklist.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith(("| `", "| ↳"))]
    for one, row in zip(checklist.walk(), rows, strict=True):
        assert f"`{one.id}`" in row
        assert one.title in row
        assert f"| {one.kind} |" in row
    assert [line.removeprefix("On paper: ") for line in page.splitlines() if line.startswith("On paper: ")] == HEADINGS


ROWS_ONLY = {"cache-balance", "coupon-digest", "coupon-duplicates", "coupon-plaintext"}
"""Audits that look at rows alone, and so find nothing in an empty table."""


def test_no_item_passes_over_an_empty_table(loaded: Loaded) -> None:
    """But a rollback trigger does: where nothing was issued, nothing was issued twice."""
    about_rows = {
        one.id: check
        for one in loaded.checklist.walk()
        if isinstance(check := loaded.checks[one.id], SqlAudit)
        and set(check.audits) <= ROWS_ONLY
        and not one.id.startswith("trigger.")
    }
    assert len(about_rows) >= 6
    assert [item_id for item_id, check in about_rows.items() if not (check.not_empty or check.when_used)] == []
