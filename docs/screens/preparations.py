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


def write_migration(folder: Path) -> None:
    """One new migration, and what undoes it."""
    for source, place in ((_MIGRATION, "migrations"), ("reverse.sql", "reverse")):
        target = folder / "supabase" / place / _MIGRATION
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FILES / source, target)


def change_migration(folder: Path) -> None:
    """One byte of the migration is another one."""
    path = folder / "supabase/migrations" / _MIGRATION
    path.write_text(path.read_text("utf-8").replace("(status)", "(statuS)"), "utf-8")


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
