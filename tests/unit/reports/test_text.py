"""The text report fits its terminal and ends with the verdict."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from pointsctl.model.finding import Outcome
from pointsctl.reports.interface import Options
from pointsctl.reports.text import MARKS, Text
from tests.support.runs import make_failure, make_finding, make_pending, make_run

FINDINGS = [
    make_finding(id="environment.coupon-secret", section="environment", summary="set, 64 characters"),
    make_failure(7),
    make_failure(2, id="security.an-identifier.that-is-far-too-long-for-any-terminal-of-forty-columns"),
    make_finding(Outcome.ERROR, id="security.probe", summary="no answer", evidence={"exit_code": 3}),
    make_finding(Outcome.SKIP, id="security.other", summary="does not apply to sandbox"),
    *[make_pending(id=f"backup.item-{number}") for number in range(9)],
    make_pending("the backup catalogue", id="backup.taken"),
]
RUN = make_run(FINDINGS)


def lines_of(text: str, label: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip().startswith(label)]


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_asked(width: int) -> None:
    for line in Text().render(RUN, Options(width=width)).split("\n"):
        assert cell_len(line) <= width, line
        assert line == line.rstrip()


def test_wide_characters_fit() -> None:
    run = make_run([make_failure(title="幅の広い" * 30, summary="幅の広い" * 30)])
    for width in (40, 80):
        assert max(map(cell_len, Text().render(run, Options(width=width)).split("\n"))) <= width


def test_one_line_for_each_item_at_80_columns() -> None:
    text = Text().render(RUN, Options(width=80))
    first = text.split("to mend")[0]
    for finding in FINDINGS:
        if len(finding.id) > 60:
            continue  # has a line of its own, and is folded
        mark, _ = MARKS[finding.outcome]
        [line] = [line for line in first.split("\n") if f" {finding.id}" in line]
        assert line.startswith(f"  {mark} {finding.outcome.value} ")
    [line] = lines_of(first, "✓ pass")
    assert re.fullmatch(r"  ✓ pass    environment.coupon-secret +set, 64 characters", line)


def test_order_is_sections_then_mending_then_waiting_then_verdict() -> None:
    text = Text().render(RUN, Options(width=80))
    places = [
        text.index(part) for part in ("\nsecurity-audit\n", "\nto mend\n", "\nwaiting for\n", " pass, ", "unknown: ")
    ]
    assert places == sorted(places)


def test_verdict_is_the_last_line() -> None:
    text = Text().render(make_run([make_failure(), make_failure(id="b.x")]), Options(width=80))
    assert text.endswith("\nblocked: pre-deployment on sandbox: 2 critical failures; mend them and run again\n")


def test_failure_in_full() -> None:
    full = Text().render(make_run([make_failure(7)]), Options(width=80)).split("to mend")[1]
    assert "    observed  7 tables\n    expected  0 tables\n" in full
    assert "    row level security is on: 5 of 7 shown\n" in full
    assert "      public.table_4   row level security is off\n" in full
    assert "public.table_5" not in full
    assert full.count("remedy    alter table ... enable row level security\n") == 1
    assert "    hint      turn it on, then run again\n" in full
    assert "    again     pointsctl check run security.rls-enabled --env sandbox\n" in full


def test_facts_of_an_error_are_shown_and_limited() -> None:
    evidence = {f"fact-{number}": number for number in range(12)}
    run = make_run([make_finding(Outcome.ERROR, evidence=evidence)])
    assert len(lines_of(Text().render(run, Options()), "fact-")) == 8
    assert "4 more facts" in Text().render(run, Options())
    assert len(lines_of(Text().render(run, Options(verbose=True)), "fact-")) == 12


def test_waiting_items_are_counted_by_what_they_wait_for() -> None:
    short = Text().render(RUN, Options(width=200)).split("waiting for\n")[1]
    assert short.startswith("  a person: 9 (backup.item-0, ")
    assert "backup.item-4 and 4 more)" in short
    assert "  the backup catalogue: 1 (backup.taken)" in short
    full = Text().render(RUN, Options(width=400, verbose=True)).split("waiting for\n")[1]
    assert "backup.item-8 [name, date]" in full


def test_many_causes_of_waiting_are_cut_and_counted() -> None:
    run = make_run([make_pending(f"cause {number}", id=f"a.item-{number}") for number in range(12)])
    text = Text().render(run, Options())
    assert "and 7 more items; --verbose shows them" in text
    assert "cause 11" in Text().render(run, Options(verbose=True)).split("waiting for")[1]


def test_what_was_looked_at_is_named() -> None:
    seen = {"database": "points", "system_identifier": "7431"}
    run = make_run([make_finding(looked_at=seen), make_finding(environment="sandbox-staging")])
    text = Text().render(run, Options())
    assert "looked at sandbox: database points, server 7431\n" in text
    assert "looked at sandbox-staging\n" in text


def test_colour_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    assert "\x1b" not in Text().render(RUN, Options())
    monkeypatch.setenv("NO_COLOR", "1")
    coloured = Text().render(RUN, Options(colour=True))
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == Text().render(RUN, Options()).split()


def test_sections_that_are_not_together_appear_once() -> None:
    run = make_run([make_finding(section="one"), make_finding(section="two"), make_finding(section="one", id="a.z")])
    assert Text().render(run, Options()).split("\n").count("one") == 1


def test_only_what_took_a_second_tells_how_long() -> None:
    run = make_run([make_finding(milliseconds=999), make_finding(id="data.slow", milliseconds=2300)])
    quick, slow = lines_of(Text().render(run, Options()), "✓ pass")
    assert quick.endswith("3 tables looked at")
    assert slow.endswith("  2.3 s")


def test_a_name_that_can_be_copied_keeps_its_line() -> None:
    name = "user 39ab8c83-06c6-41c1-8a72-51d6d1617851"
    row = {"object": name, "detail": "balance 17, validated events add up to 10, which is seven points too many"}
    audit = {"id": "x", "title": "balances", "severity": "critical", "total": 1, "rows": [row]}
    text = Text().render(make_run([make_failure(evidence={"audits": [audit]})]), Options(width=80))
    assert any(name in line for line in text.splitlines())
    detail = " ".join(line[50:].strip() for line in text.splitlines() if line.startswith(" " * 6))
    assert row["detail"] in " ".join(detail.split())


def test_what_is_waived_is_shown_in_full_also_where_it_is_narrow() -> None:
    said = "fail, waived by ada@example.test until 2026-03-15 09:30 UTC: measured by hand \x1b[2J"
    run = make_run([make_finding(Outcome.WAIVED, id="load.cpu", summary=said)])
    for width in (40, 80):
        text = " ".join(Text().render(run, Options(width=width)).split("waived\n", 1)[1].split())
        assert f"load.cpu: {said}".replace("\x1b", "\\x1b") in text
