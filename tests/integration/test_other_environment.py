"""Items that look at another environment: what is shown there counts only if it really is another database."""

from __future__ import annotations

from pathlib import Path

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


def test_an_unset_staging_spoils_only_what_looks_at_it(tmp_path: Path, database_url: str) -> None:
    result = preflight(tmp_path, database_url, "")
    assert result.code == 4, result
    assert "staging" in result.finding("staging.indexes")["summary"]
    assert result.finding("target.indexes")["outcome"] == "pass"


def test_an_unset_target_is_a_mistake_in_the_configuration(tmp_path: Path, database_url: str) -> None:
    result = preflight(tmp_path, "", database_url)
    assert result.code == 2
    assert "DATABASE_URL is not set" in result.json["problems"][0]
    assert ":5:19:" in result.json["problems"][0]
