"""What pg_restore says is never taken for the backup's fault when it is the place's, and shows no statement."""

from __future__ import annotations

import hashlib

import pytest

from pointsctl.errors import (
    ConnectionLostError,
    ContextMissingError,
    PermissionMissingError,
    PointsctlError,
    RestoreFailedError,
    StorageError,
    ToolMissingError,
)
from pointsctl.postgres.restore_failures import restore_failed
from pointsctl.process import Finished, Output


def ended(said: str, code: int = 1) -> Finished:
    data = said.encode()
    output = Output(data, data, len(data), hashlib.sha256(data).hexdigest())
    return Finished(code, output, output, 1.0)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('could not extend file "base/1/2": No space left on device', StorageError),
        ("could not execute query: ERROR:  must be superuser to create this extension", PermissionMissingError),
        ('could not execute query: ERROR:  extension "pg_net" is not available', ContextMissingError),
        ("could not execute query: server closed the connection unexpectedly", ConnectionLostError),
        ('could not execute query: ERROR:  unrecognized configuration parameter "x"', ToolMissingError),
        ("could not execute query: ERROR:  insert violates foreign key", RestoreFailedError),
    ],
)
def test_the_place_and_the_backup_are_told_apart(said: str, kind: type[PointsctlError]) -> None:
    error = restore_failed(ended(f"pg_restore: error: {said}\npg_restore: error: a worker process died unexpectedly\n"))
    assert type(error) is kind
    assert "worker" not in error.message


def test_statements_are_left_out_and_their_text_decides_nothing() -> None:
    said = (
        "pg_restore: from TOC entry 7; 1 2 USER MAPPING - m postgres\n"
        "pg_restore: error: could not execute query: ERROR:  no such server\n"
        "Command was: CREATE USER MAPPING ... password 'hunter2-No space left on device'\n"
    )
    error = restore_failed(ended(said))
    assert isinstance(error, RestoreFailedError)
    assert "hunter2" not in error.message
    assert "USER MAPPING - m postgres" in error.message


def test_a_program_that_was_killed_says_nothing_about_the_backup() -> None:
    assert isinstance(restore_failed(ended("", -9)), ConnectionLostError)
