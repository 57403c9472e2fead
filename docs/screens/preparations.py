"""What the story does between the shown commands: makes people with keys, writes files, acts as a superuser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from pointsctl.postgres import administration
from pointsctl.sandbox.databases import sandbox_cluster
from pointsctl.sandbox.layout import Layout

FILES = Path(__file__).parent / "files"
_MIGRATION = "20260201000001_coupons_by_status.sql"
_SECOND = "20260202000001_event_channel"
_REFERENCE = Path(__file__).parents[2] / "sql/migrations/20250725000001_points_and_coupons.sql"
_FUNCTIONS = ("submit-points-event", "validate-points-event", "redeem-coupon")
_PEOPLE = ("olga", "erin", "omar", "otto", "sara")


def make_people(folder: Path) -> None:
    """A key for everybody in policy.yaml, and the trust folder."""
    keys, trust = folder / "keys", folder / "trust"
    keys.mkdir(mode=0o700)
    trust.mkdir()
    lines = [f'{name}@example.test namespaces="pointsctl" {_public_key(keys / name)}\n' for name in _PEOPLE]
    (trust / "allowed_signers").write_text("".join(lines), "utf-8")
    shutil.copy(FILES / "policy.yaml", trust)


def _public_key(key: Path) -> str:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key.name, "-f", str(key)]
    subprocess.run(argv, check=True)
    return " ".join(Path(f"{key}.pub").read_text("utf-8").split()[:2])


def write_project(folder: Path) -> None:
    """The migration that the sandbox has had, two new ones with what undoes and verifies them, and the functions."""
    places = {
        _REFERENCE: f"migrations/{_REFERENCE.name}",
        **{FILES / source: place for source, place in _new_migrations().items()},
    }
    for source, place in places.items():
        _copy(source, folder / "supabase" / place)
    for name in _FUNCTIONS:
        _copy(FILES / "index.ts", folder / "supabase/functions" / name / "index.ts")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _new_migrations() -> dict[str, str]:
    return {
        _MIGRATION: f"migrations/{_MIGRATION}",
        "reverse.sql": f"reverse/{_MIGRATION}",
        f"{_SECOND}.sql": f"migrations/{_SECOND}.sql",
        f"{_SECOND}.reverse.sql": f"reverse/{_SECOND}.sql",
        f"{_SECOND}.verify.sql": f"reverse/{_SECOND}.verify.sql",
    }


def change_migration(folder: Path) -> None:
    """One byte of the migration is another one."""
    path = folder / "supabase/migrations" / _MIGRATION
    path.write_text(path.read_text("utf-8").replace("(status)", "(statuS)"), "utf-8")


def rewrite_migration(folder: Path) -> None:
    """The migration is written in other words after it was applied."""
    path = folder / "supabase/migrations" / _MIGRATION
    path.write_text(path.read_text("utf-8").replace("(status)", "using btree (status)"), "utf-8")


def rewrite_ledger(folder: Path) -> None:
    """A superuser changes a record, and every hash that gives it away."""
    url = sandbox_cluster(Layout(folder / "sandbox")).url("points")
    administration.run_script(url, (FILES / "rewrite.sql").read_text("utf-8"), what="rewriting the ledger")


def flip_a_byte(folder: Path) -> None:
    """One bit in the middle of the largest object of the newest backup, the other way round; a second time, as it was."""
    newest = max((folder / "sandbox/store/backups/sandbox").iterdir(), key=lambda path: path.name)
    largest = max(newest.glob("objects/dump/*"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
