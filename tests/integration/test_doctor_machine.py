"""What the doctor says of this machine: programs, versions, optional parts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pointsctl.postgres.client_tools import find_client_tools
from pointsctl.workflow.doctor_machine import Machine, client_checks, tool_checks
from pointsctl.workflow.doctor_result import Status


def machine(**variables: str) -> Machine:
    return Machine({"PATH": os.environ.get("PATH", os.defpath), **variables}, time.monotonic)


def write_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_programs_are_found_on_the_path_and_in_the_wheel(tmp_path: Path) -> None:
    for name in ("psql", "pg_dump", "pg_restore"):
        write_program(tmp_path / "bin", name, f'echo "{name} (PostgreSQL) 99beta1 (Debian 99)"')
    tools = find_client_tools(str(tmp_path / "bin"), machine(PATH=f"{tmp_path}/bin:/usr/bin:/bin").ask)
    assert [(one.name, one.major, one.embedded) for one in tools[:3]] == [
        ("psql", 99, False),
        ("pg_dump", 99, False),
        ("pg_restore", 99, False),
    ]
    wheel = [one for one in tools if one.embedded]
    assert {one.name for one in wheel} == {"psql", "pg_dump", "pg_restore"}
    assert {(one.major, one.encrypts) for one in wheel} == {(18, False)}


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo 'pg_dump (PostgreSQL) devel'"])
def test_a_program_that_does_not_say_its_version_is_not_there(tmp_path: Path, script: str) -> None:
    write_program(tmp_path, "pg_dump", script)
    assert all(one.embedded for one in find_client_tools(str(tmp_path), machine(PATH=f"{tmp_path}:/bin").ask))


def test_missing_client_programs_are_needed() -> None:
    found = {check.id: check.status for check in client_checks([])}
    assert found == {"tools.psql": Status.MISSING, "tools.pg_dump": Status.ERROR, "tools.pg_restore": Status.ERROR}


def test_tools_are_told_with_their_versions_or_what_to_install(tmp_path: Path) -> None:
    write_program(tmp_path, "ssh-keygen", "echo 'Unsupported operation for -Y: \"find-principals\"' >&2; exit 255")
    write_program(tmp_path, "supabase", "echo 3.1.0")
    found = {check.id: check for check in tool_checks(machine(PATH=str(tmp_path)))}
    assert found["tools.ssh-keygen"].status is Status.FAILED
    assert found["tools.git"].status is Status.MISSING
    assert found["tools.supabase"].found.startswith("3.1.0 ")
    write_program(
        tmp_path, "ssh-keygen", "echo 'Too few arguments for find-principals:missing signature file' >&2; exit 1"
    )
    assert tool_checks(machine(PATH=str(tmp_path)))[0].status is Status.OK
    (tmp_path / "ssh-keygen").unlink()
    assert tool_checks(machine(PATH=str(tmp_path)))[0].status is Status.MISSING


def test_a_program_sees_none_of_our_variables(tmp_path: Path) -> None:
    write_program(tmp_path, "show", 'echo "[$COUPON_SECRET]"')
    assert machine(PATH=f"{tmp_path}:/bin", COUPON_SECRET="hunter22").ask([str(tmp_path / "show")]) == "[]\n"
