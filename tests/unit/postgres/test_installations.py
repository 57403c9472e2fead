"""Which servers are found on this machine, and what is said when the wanted one is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pointsctl.errors import ToolMissingError
from pointsctl.postgres.installations import installation_for, installed_roots, major_of


@pytest.mark.parametrize("major", [16, 18])
def test_a_server_of_each_wheel_is_found(major: int) -> None:
    found = installation_for(major, os.defpath)
    assert major_of(found.root) == major


def test_a_version_that_is_missing_is_named_with_those_that_are_there() -> None:
    with pytest.raises(ToolMissingError, match=r"version 9 is installed here; found: .*18") as missing:
        installation_for(9, os.defpath)
    assert "restore_into" in missing.value.hint


def test_a_server_on_the_path_counts_and_one_that_cannot_run_does_not(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("postgres", "initdb"):
        (programs / name).write_text("#!/nowhere\n")
        (programs / name).chmod(0o755)
    assert tmp_path in list(installed_roots(str(programs)))
    assert major_of(tmp_path) is None


def test_a_server_that_is_asked_for_its_version_is_told_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2@db.example.test/points")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "postgres"
    program.write_text('#!/bin/sh\nenv > "${0%/bin/*}/told"\necho "postgres (PostgreSQL) 99.1"\n')
    program.chmod(0o755)
    assert major_of(tmp_path) == 99
    assert "hunter2" not in (tmp_path / "told").read_text()
