"""The gate over a plan: two leads open it, and one byte of what they signed for closes it, naming what died and why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.people import ADA, EVE, FLAG, GRACE, People

ITEMS = f"""
{FLAG}
- {{id: approval.engineering, title: Engineering, kind: approval, with: {{role: engineering-lead}}}}
- {{id: approval.operations, title: Operations, kind: approval, with: {{role: operations-lead}}}}
"""
SETTINGS = """approvals:
  roles:
    engineering-lead: {title: Engineering lead}
    operations-lead: {title: Operations lead}
migrations: {directory: migrations, reverse_directory: reverse}
phases:"""
MIGRATION = "20260131000001_coupons_by_status.sql"


@pytest.fixture
def people(tmp_path: Path, database_url: str) -> People:
    """Eve deploys a migration that ada and grace must approve; there is no backup and nothing else."""
    people = People(tmp_path, database_url, ITEMS)
    path = tmp_path / "checklist.yaml"
    text = path.read_text("utf-8").replace("phases:", SETTINGS)
    path.write_text(
        text.replace("${DATABASE_URL}", "${DATABASE_URL}\n    without: [backup, rehearsal, functions]"), "utf-8"
    )
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / MIGRATION).write_text("create index on public.coupons (status);\n", encoding="utf-8")
    return people


def test_two_leads_open_it_and_one_byte_closes_it(people: People) -> None:
    waiting = people.run("gate", "pre-deployment", "--json")
    assert (waiting.code, waiting.json["plan"]) == (4, None)
    assert {one["command"] for one in waiting.json["pieces"]} == {
        "pointsctl check run flag.on --env here",
        "pointsctl plan create --env here",
    }
    people.look()
    made = people.signed("eve", "plan", "create", "--author", "linus@example.test", "--json")
    assert made.code == 0, made.err
    ada = people.signed("ada", "approve", "--yes", "--json")
    assert ada.code == 0, ada.err
    half = people.run("gate", "pre-deployment", "--json")
    assert (half.code, half.json["verdict"]) == (3, "waiting")
    (piece,) = half.json["pieces"]
    assert (piece["item"], piece["who"]) == ("approval.operations", GRACE)
    assert piece["command"].startswith("pointsctl approve ")
    grace = people.signed("grace", "approve", "--yes", "--json")
    assert grace.code == 0, grace.err
    signed = [one.json["recorded"]["seq"] for one in (ada, grace)]
    opened = people.run("gate", "pre-deployment", "--json", "--plan", half.json["plan"][:12])
    assert (opened.code, opened.json["verdict"], opened.json["pieces"]) == (0, "ready", []), opened.out
    assert people.run("gate", "pre-deployment", "--plan", "ab" * 6).code == 5

    with (people.folder / "migrations" / MIGRATION).open("a", encoding="utf-8") as file:
        file.write(" ")
    closed = people.run("gate", "pre-deployment", "--json")
    assert (closed.code, closed.json["verdict"]) == (5, "refused")
    (refusal,) = closed.json["refusals"]
    assert re.search(rf"migration {MIGRATION} changed \(planned [0-9a-f]{{8}}…, found [0-9a-f]{{8}}…\)", refusal["why"])
    assert refusal["why"].endswith(
        f"the approvals of {ADA} (engineering-lead, record {signed[0]}) and {GRACE} (operations-lead, record {signed[1]})"
        " no longer count"
    )
    assert {one["who"].partition(",")[0] for one in closed.json["pieces"]} == {EVE}
    page = people.run("gate", "pre-deployment").out
    assert " ".join(page.split()).count("no longer count") == 1, "said once, not for each item that it closes"
    assert "approval.engineering, approval.operations: fail" in page
    assert people.signed("ada", "waive", "approval.operations", "--reason", "no time left", "--until", "1h").code == 5


def test_a_rejection_refuses_it(people: People) -> None:
    people.look()
    assert people.signed("eve", "plan", "create", "--author", "linus@example.test").code == 0
    assert people.signed("ada", "approve", "--reject", "--comment", "it locks the table", "--yes").code == 0
    assert people.signed("grace", "approve", "--yes").code == 5
    closed = people.run("gate", "pre-deployment")
    assert closed.code == 5
    assert "refused, whatever the items say" in closed.out
