"""Which programs take and restore a backup: never older than the server, never so new that a restore would fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import ToolMissingError
from pointsctl.postgres.client_tools import ClientTool
from pointsctl.postgres.dump_tools import (
    asking,
    best_compression,
    installed_tools,
    pg_dump_for,
    pg_dump_of,
    pg_restore_for,
    restores_into,
)

_MAJORS = st.integers(13, 20)
_TOOLS = st.lists(
    st.builds(
        lambda name, major, encrypts, embedded: tool(major, name=name, encrypts=encrypts, embedded=embedded),
        st.sampled_from(["psql", "pg_dump", "pg_restore"]),
        _MAJORS,
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
)


def tool(major: int, *, name: str = "pg_dump", encrypts: bool = True, embedded: bool = False) -> ClientTool:
    return ClientTool(name, Path(f"/opt/{major}/{name}"), f"{major}.1", major, encrypts, embedded)


@given(_TOOLS, _MAJORS, st.booleans())
def test_what_is_chosen_can_dump_this_server_and_be_restored_into_it(
    tools: list[ClientTool], server: int, encrypted: bool
) -> None:
    try:
        chosen = pg_dump_for(server, tools, encrypted=encrypted)
    except ToolMissingError:
        return
    assert chosen.name == "pg_dump"
    assert chosen.major >= server
    assert restores_into(chosen.major, server)
    assert chosen.encrypts or not encrypted
    same = [one for one in tools if one.name == "pg_dump" and one.major == server and (one.encrypts or not encrypted)]
    assert chosen.major == server or not same


@given(_TOOLS, _MAJORS, _MAJORS, st.booleans())
def test_what_restores_reads_the_archive_and_knows_the_server(
    tools: list[ClientTool], program: int, server: int, shared: bool
) -> None:
    try:
        chosen = pg_restore_for(program, server, tools, shared=shared)
    except ToolMissingError:
        return
    assert chosen.name == "pg_restore"
    assert chosen.major >= program
    assert restores_into(chosen.major, server)


@pytest.mark.parametrize(
    ("there", "server", "encrypted", "why"),
    [
        ([], 18, False, "no pg_dump on this machine, expected 18"),
        ([tool(15)], 18, False, "pg_dump is older than the server's 18: 15.1"),
        ([tool(18)], 15, False, "pg_dump is too new for the server's 15: 18.1"),
        ([tool(18, encrypts=False)], 18, True, "of version 18 wants encryption"),
    ],
)
def test_why_no_program_will_do(there: list[ClientTool], server: int, encrypted: bool, why: str) -> None:
    with pytest.raises(ToolMissingError, match=why) as caught:
        pg_dump_for(server, there, encrypted=encrypted)
    assert f"postgresql-client-{server}" in caught.value.hint


def test_definitions_are_compared_by_the_same_program_only() -> None:
    assert pg_dump_of(16, [tool(15), tool(16), tool(18)], encrypted=True).major == 16
    with pytest.raises(ToolMissingError, match="no pg_dump 16 here"):
        pg_dump_of(16, [tool(15), tool(18), tool(16, name="psql"), tool(16, encrypts=False)], encrypted=True)


def test_the_wheels_programs_are_found_and_what_they_compress_with() -> None:
    tools = installed_tools("/nonexistent")
    assert {18, 16} <= {one.major for one in tools if one.name == "pg_dump"}
    dump = pg_dump_for(18, tools, encrypted=False)
    assert best_compression(dump.path, asking("/usr/bin:/bin")).name in ("zstd:1", "lz4:1", "gzip:1")


_NOT_KNOWN = 'echo "pg_dump: error: invalid compression specification" >&2; exit 1'
_CONNECTS = 'echo "pg_dump: error: connection to server on socket /nonexistent/.s.PGSQL.5432 failed" >&2; exit 1'


@pytest.mark.parametrize(
    ("known", "name", "argument"),
    [
        ("*zstd*", "zstd:1", "zstd:1"),
        ("*lz4*", "lz4:1", "lz4:1"),
        ("*gzip*", "gzip:1", "gzip:1"),
        ("*=1", "gzip:1", "1"),
        ("nothing", "none", "0"),
    ],
)
def test_the_best_compression_is_tried_and_not_assumed(tmp_path: Path, known: str, name: str, argument: str) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(f'#!/bin/sh\ncase "$2" in {known}) {_CONNECTS};; *) {_NOT_KNOWN};; esac\n')
    program.chmod(0o755)
    found = best_compression(program, asking("/usr/bin:/bin"))
    assert (found.name, found.argument) == (name, argument)


def test_debians_wrapper_is_not_asked_to_choose(tmp_path: Path) -> None:
    (tmp_path / "pg_wrapper").write_text('#!/bin/sh\necho "pg_dump (PostgreSQL) 77.1"\n')
    (tmp_path / "pg_wrapper").chmod(0o755)
    (tmp_path / "pg_dump").symlink_to("pg_wrapper")
    assert 77 not in {one.major for one in installed_tools(str(tmp_path))}
