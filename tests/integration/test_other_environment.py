"""Items that look at another environment: what is shown there counts only if it really is another database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pointsctl.postgres.identity import Identity
from tests.support.cli import Result, pointsctl, write_checklist
from tests.support.servers import Server

ITEMS = """
- id: staging.indexes
  title: Staging's indexes are valid
  kind: sql_audit
  at: staging
  with: {audits: [invalid-indexes]}
- id: target.indexes
  title: The target's indexes are valid
  kind: sql_audit
  with: {audits: [invalid-indexes]}
"""
FUNCTIONS = """
- id: staging.functions
  title: Staging's functions answer
  kind: http
  at: staging
  with: {path: /health}
- id: target.functions
  title: The target's functions answer
  kind: http
  with: {path: /health}
"""


def preflight(folder: Path, target: str, staging: str) -> Result:
    path = write_checklist(folder, ITEMS)
    text = path.read_text().replace("phases:", "  staging:\n    database_url: ${STAGING_URL}\nphases:", 1)
    path.write_text(text)
    variables = {name: url for name, url in {"DATABASE_URL": target, "STAGING_URL": staging}.items() if url}
    return pointsctl("preflight", "--env", "here", "--json", cwd=folder, variables=variables)


def test_another_database_of_the_same_server_counts(tmp_path: Path, server: Server, database_url: str) -> None:
    with server.database() as other:
        result = preflight(tmp_path, database_url, server.cluster.url(other))
    assert result.code == 0, result
    assert result.finding("staging.indexes")["looked_at"]["database"] == other
    assert result.finding("staging.indexes")["environment"] == "staging"


def test_the_target_under_another_url_proves_nothing(
    tmp_path: Path, server: Server, database: str, database_url: str
) -> None:
    result = preflight(tmp_path, database_url, f"{server.cluster.url(database)}&application_name=staging")
    assert result.code == 4, result
    refused = result.finding("staging.indexes")
    assert refused["outcome"] == "error"
    assert "same database as the target" in refused["summary"]
    assert database in refused["summary"]
    assert result.finding("target.indexes")["outcome"] == "pass"


def test_an_alias_that_leads_back_to_the_target_proves_nothing(tmp_path: Path, database_url: str) -> None:
    path = write_checklist(tmp_path, ITEMS)
    text = path.read_text()
    path.write_text(
        text.replace(
            "    database_url: ${DATABASE_URL}", "    database_url: ${DATABASE_URL}\n    at: {staging: here}", 1
        )
    )
    result = pointsctl("preflight", "--json", cwd=tmp_path, variables={"DATABASE_URL": database_url})
    assert result.code == 4, result
    assert "leads back to the target" in result.finding("staging.indexes")["summary"]
    assert result.finding("target.indexes")["outcome"] == "pass"


def test_an_unset_staging_spoils_only_what_looks_at_it(tmp_path: Path, database_url: str) -> None:
    result = preflight(tmp_path, database_url, "")
    assert result.code == 4, result
    assert "staging" in result.finding("staging.indexes")["summary"]
    assert result.finding("target.indexes")["outcome"] == "pass"


def test_functions_of_the_target_under_another_name_prove_nothing(
    tmp_path: Path, server: Server, database_url: str
) -> None:
    path = write_checklist(tmp_path, FUNCTIONS)
    address = "http://127.0.0.1:1"
    text = path.read_text().replace("${DATABASE_URL}", f"${{DATABASE_URL}}\n    functions_url: {address}/", 1)
    staging = f"  staging:\n    database_url: ${{STAGING_URL}}\n    functions_url: {address}\nphases:"
    path.write_text(text.replace("phases:", staging, 1))
    with server.database() as other:
        variables = {"DATABASE_URL": database_url, "STAGING_URL": server.cluster.url(other)}
        result = pointsctl("preflight", "--env", "here", "--json", cwd=tmp_path, variables=variables)
    assert result.code == 4
    assert "same functions_url as the target" in result.finding("staging.functions")["summary"]
    assert "refused" in result.finding("target.functions")["summary"], "which is looked at, and answers nothing"


def test_a_replica_of_the_target_proves_nothing() -> None:
    primary = Identity("7711", 5, "points", 180006, "postgres", False, datetime(2026, 1, 1, tzinfo=UTC))
    replica = replace(primary, in_recovery=True, server_started_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert replica.same_database(primary)
    assert primary.same_database(replica)
    assert not replace(replica, database_oid=6).same_database(primary)
    assert not replace(replica, system_identifier="8822").same_database(primary)
    assert not replace(replica, in_recovery=False).same_database(primary), "a physical copy that went its own way"


def test_an_unset_target_is_a_mistake_in_the_configuration(tmp_path: Path, database_url: str) -> None:
    result = preflight(tmp_path, "", database_url)
    assert result.code == 2
    assert "DATABASE_URL is not set" in result.json["problems"][0]
    assert ":5:19:" in result.json["problems"][0]
