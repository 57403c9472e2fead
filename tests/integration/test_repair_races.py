"""Between what was shown and what is changed, somebody else may have been faster: then nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsctl.errors import RefusedError
from pointsctl.model.ledger import Kind
from pointsctl.workflow.repair_history import Action, Proposed, RepairRequest, repair_history
from tests.support.histories import apply_migration, make_history, note_row, write_migration
from tests.support.ledgers import session
from tests.support.people import FLAG, NAME, People

VERSION = "20250101000001"


@pytest.mark.parametrize("action", ["applied", "reverted", "accept-drift"])
def test_a_row_that_changed_after_it_was_shown_is_left_alone(tmp_path: Path, database_url: str, action: Action) -> None:
    people = People(tmp_path, database_url, FLAG)
    place = write_migration(people.folder, f"{VERSION}_first.sql", "select 1;")
    make_history(people.url)
    if action != "applied":
        apply_migration(people.url, place)
        place.write_text("select 2;", encoding="utf-8")

    def faster(_proposed: Proposed) -> None:
        with session(people.url) as connection:
            connection.execute("delete from supabase_migrations.schema_migrations")
        note_row(people.url, place, ["select 'of somebody else'"])

    request = RepairRequest(NAME, people.url, action, VERSION, "run by hand, see the notes", people.means("ada"))
    with people.ledger() as ledger, pytest.raises(RefusedError, match="is not what was shown any more"):
        repair_history(people.loaded, ledger, request, faster)
    with people.ledger() as ledger:
        assert list(ledger.rows(kinds=[Kind.MIGRATION_REPAIRED])) == []
    with session(people.url) as connection:
        (kept,) = connection.execute("select statements from supabase_migrations.schema_migrations").fetchall()
    assert kept == (["select 'of somebody else'"],)
