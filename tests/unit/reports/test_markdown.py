"""Markdown that shows what to mend first and folds the rest away."""

from __future__ import annotations

from markdown_it import MarkdownIt

from pointsctl.model.finding import Outcome
from pointsctl.reports.interface import Options
from pointsctl.reports.markdown import Markdown
from tests.support.runs import make_failure, make_finding, make_pending, make_run


def test_failures_come_before_what_is_folded() -> None:
    text = Markdown().render(make_run([make_finding(id="a.good"), make_pending(id="b.later"), make_failure(7)]))
    assert text.startswith("**blocked: pre-deployment on sandbox: 1 critical failure; mend it and run again**\n")
    head, folded = text.split("<details>", 1)
    assert "| ❌ fail | security.rls-enabled | critical | 7 tables | 0 tables | turn it on, then run again |" in head
    assert "a.good" not in head
    assert "| ✅ pass | a.good | 3 tables looked at | 12 ms |" in folded
    assert "| a person | 1 | b.later |" in folded
    assert "5 of 7 shown" in folded


def test_tables_inside_details_are_tables() -> None:
    run = make_run([make_failure(2), make_finding(Outcome.ERROR, evidence={"exit_code": 3}), make_pending()])
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(Markdown().render(run, Options()))
    assert rendered.count("<table>") == 4
    assert rendered.count("<details>") == rendered.count("</details>") == 3
    assert "<td>exit_code</td>" in rendered


def test_sections_without_content_are_left_out() -> None:
    text = Markdown().render(make_run([make_finding()]))
    assert "pending</summary>" not in text
    assert "severity" not in text
