"""Programs connect to where the connection is, and nobody else sees how."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import UsageError
from pointsctl.postgres import client_environment as module
from pointsctl.postgres.client_environment import CONNECTION, client_environment
from pointsctl.postgres.cluster import THROW_AWAY_SETTINGS, PrivateCluster, TcpAccess
from pointsctl.postgres.connection import connect
from tests.support.other_servers import binaries_of
from tests.support.servers import open_directory

_PASSWORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=20)


def asked(environment: dict[str, str], statement: str) -> str:
    psql = binaries_of(18).program("psql")
    argv = [str(psql), "--no-psqlrc", "-At", f"--dbname={CONNECTION}", "--command", statement]
    ended = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize("password", ["simple", "a:b\\c", " # ", "pässwörd '\"", "ends with a blank "])
def test_a_program_logs_in_as_the_connection_did(tmp_path: Path, password: str) -> None:
    with (
        open_directory() as directory,
        PrivateCluster(directory / "c", settings=THROW_AWAY_SETTINGS, tcp=TcpAccess(password)) as cluster,
    ):
        url = cluster.tcp_url("postgres", cluster.superuser, password)
        with connect(f"{url}&target_session_attrs=read-write&passfile=/nonexistent") as connection:
            with client_environment(connection, tmp_path, os.defpath) as environment:
                assert not [value for value in environment.values() if password in value]
                assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
                assert asked(dict(environment), "SELECT current_user, inet_server_port()") == "|".join(
                    (cluster.superuser, str(connection.info.port))
                )
            assert list(tmp_path.iterdir()) == []
        cluster.destroy()


def test_settings_of_the_address_reach_the_program(admin_url: str, tmp_path: Path) -> None:
    with (
        connect(f"{admin_url}&options=-c%20work_mem%3D77MB") as connection,
        client_environment(connection, tmp_path, os.defpath) as environment,
    ):
        assert asked(dict(environment), "SHOW work_mem") == "77MB"
        assert asked(dict(environment), "SELECT current_database()") == connection.info.dbname


def test_the_files_go_when_the_work_fails(admin_url: str, tmp_path: Path) -> None:
    with (
        connect(admin_url) as connection,
        pytest.raises(RuntimeError),
        client_environment(connection, tmp_path, os.defpath),
    ):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@given(_PASSWORDS)
def test_a_parameter_is_written_as_it_is_or_refused(value: str) -> None:
    if value.isprintable() and value == value.rstrip():
        assert module._on_a_line("sslkey", value) == value
    else:
        with pytest.raises(UsageError, match="sslkey"):
            module._on_a_line("sslkey", value)
