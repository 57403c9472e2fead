"""Encryption to age keys: only a recipient reads it, and a changed byte shows."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyrage  # type: ignore[import-untyped]  # ships no types
import pytest

from pointsctl.encryption import decrypt, encrypt, read_identities, recipients_of
from pointsctl.errors import (
    BackupDamagedError,
    InterruptedByOperatorError,
    PermissionMissingError,
    RefusedError,
    StorageError,
    UsageError,
)
from pointsctl.workflow.interruption import Stoppable

DATA = secrets.token_bytes(300_000)


def limit() -> Stoppable:
    return Stoppable(60, time.monotonic)


def new_key(folder: Path, name: str = "key") -> tuple[Path, str]:
    """A file as `age-keygen` writes it, and its public key."""
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    path = folder / name
    path.write_text(f"# created: 2026-01-31T08:00:00Z\n# public key: {public}\n{identity}\n", encoding="utf-8")
    path.chmod(0o600)
    return path, public


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, Path]:
    """An encrypted file and the file with the key to it."""
    key, public = new_key(tmp_path)
    (tmp_path / "plain").write_bytes(DATA)
    digests = encrypt(tmp_path / "plain", tmp_path / "sealed", recipients_of([public]), limit())
    assert digests.read_sha256 == hashlib.sha256(DATA).hexdigest()
    assert digests.written_sha256 == hashlib.sha256((tmp_path / "sealed").read_bytes()).hexdigest()
    return tmp_path / "sealed", key


def test_a_recipient_reads_it_and_nobody_else(tmp_path: Path, sealed: tuple[Path, Path]) -> None:
    path, key = sealed
    moved: list[int] = []
    digests = decrypt(path, tmp_path / "again", read_identities(key), limit(), moved.append)
    assert (tmp_path / "again").read_bytes() == DATA
    assert (digests.written_size, sum(moved)) == (len(DATA), path.stat().st_size)
    assert (tmp_path / "again").stat().st_mode & 0o777 == 0o600
    other, _ = new_key(tmp_path, "other")
    with pytest.raises(PermissionMissingError) as refused:
        decrypt(path, tmp_path / "no", read_identities(other), limit())
    assert "POINTSCTL_AGE_IDENTITY" in refused.value.hint
    assert not (tmp_path / "no").exists()


def test_several_recipients_each_read_it(tmp_path: Path) -> None:
    keys = [new_key(tmp_path, name) for name in ("a", "b")]
    (tmp_path / "plain").write_bytes(b"")
    encrypt(tmp_path / "plain", tmp_path / "sealed", recipients_of([public for _, public in keys]), limit())
    for number, (key, _) in enumerate(keys):
        assert decrypt(tmp_path / "sealed", tmp_path / f"{number}", read_identities(key), limit()).written_size == 0


@pytest.mark.parametrize("place", [0, 50, 150, 300, -1])
def test_a_changed_or_lost_byte_shows(tmp_path: Path, sealed: tuple[Path, Path], place: int) -> None:
    path, key = sealed
    good = path.read_bytes()
    for number, bad in enumerate((good[:place] + bytes([good[place] ^ 1]) + good[place:][1:], good[:-1], b"")):
        path.write_bytes(bad)
        with pytest.raises((BackupDamagedError, PermissionMissingError)):
            decrypt(path, tmp_path / f"no{number}", read_identities(key), limit())
        assert not (tmp_path / f"no{number}").exists()


def test_what_is_no_public_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    key, _ = new_key(tmp_path)
    secret = key.read_text(encoding="utf-8").splitlines()[-1]
    for wrong in ("", "age1xyz", secret, "ssh-ed25519 AAAA"):
        with pytest.raises(UsageError) as refused:
            recipients_of([wrong])
        assert secret not in f"{refused.value.message} {refused.value.hint}"


def test_a_key_file_that_others_read_is_refused(tmp_path: Path) -> None:
    key, _ = new_key(tmp_path)
    secret = key.read_text(encoding="utf-8").splitlines()[-1]
    assert secret not in repr(read_identities(key))
    key.chmod(0o640)
    with pytest.raises(RefusedError, match="0640, expected 0600"):
        read_identities(key)


def test_what_is_no_key_file_is_told_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "no key"
    with pytest.raises(StorageError, match="no such file"):
        read_identities(path)
    for text, said in (("hunter22\n", "line 1 of"), ("# nothing\n", "holds no secret")):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        with pytest.raises(UsageError, match=said) as refused:
            read_identities(path)
        assert "hunter22" not in refused.value.message
    os.mkfifo(tmp_path / "pipe", 0o600)
    for other in (tmp_path / "pipe", tmp_path):
        with pytest.raises((UsageError, StorageError)):
            read_identities(other)


def test_a_stop_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    _, public = new_key(tmp_path)
    (tmp_path / "plain").write_bytes(DATA)
    stop = limit()
    with pytest.raises(InterruptedByOperatorError):
        encrypt(
            tmp_path / "plain", tmp_path / "sealed", recipients_of([public]), stop, lambda _bytes: stop.cancel("stop")
        )
    assert not (tmp_path / "sealed").exists()


def test_nothing_that_is_there_is_overwritten(tmp_path: Path, sealed: tuple[Path, Path]) -> None:
    path, key = sealed
    with pytest.raises(StorageError, match="exists"):
        decrypt(path, tmp_path / "plain", read_identities(key), limit())
    assert (tmp_path / "plain").read_bytes() == DATA


def test_memory_stays_small(tmp_path: Path) -> None:
    _, public = new_key(tmp_path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    script = """
        import resource, sys, time
        from pathlib import Path
        from pointsctl.encryption import encrypt, recipients_of
        from pointsctl.workflow.interruption import Stoppable
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        folder = Path(sys.argv[1])
        encrypt(folder / "large", folder / "sealed", recipients_of([sys.argv[2]]), Stoppable(600, time.monotonic))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), public]
    grown = int(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
    assert grown * (1 if sys.platform == "darwin" else 1024) < 50 * 1024 * 1024
