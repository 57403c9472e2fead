"""A real pgbouncer in front of a test's server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import conninfo

from pointsctl.postgres.binaries import Account
from pointsctl.postgres.connection import parse_url
from pointsctl.postgres.launch import library_path
from tests.support.debian import pgbouncer
from tests.support.servers import open_directory

_PORT = 6432
_SETTINGS = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr =
listen_port = {own_port}
unix_socket_dir = {directory}
unix_socket_mode = 0777
auth_type = any
pool_mode = {mode}
default_pool_size = 5
"""


@contextmanager
def pooler(url: str, mode: str) -> Iterator[str]:
    """The URL of the same database through a pooler in this mode (`transaction`, `session`, `statement`)."""
    target = parse_url(url)
    program, libraries = pgbouncer()
    account = Account.of_this_process()
    with open_directory() as directory:
        settings = directory / "pgbouncer.ini"
        role = f"{target['dbname']} = host={target['host']} port={target['port']} user={target['user']}"
        text = _SETTINGS.format(**target, own_port=_PORT, directory=directory, mode=mode)
        settings.write_text(text.replace("* = host", f"{role}\n* = host", 1), encoding="utf-8")
        os.chown(directory, account.uid, account.gid)
        with subprocess.Popen(
            [program, settings],
            user=account.uid if account.drop else None,
            group=account.gid if account.drop else None,
            env={"PATH": os.defpath, **library_path(libraries)},
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                _wait(process, directory)
                yield conninfo.make_conninfo(
                    "", host=str(directory), port=_PORT, dbname=target["dbname"], user=target["user"]
                )
            finally:
                process.terminate()
                process.communicate()


def _wait(process: subprocess.Popen[str], directory: Path) -> None:
    said: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line)
        if "process up" in line:
            return
    raise AssertionError(f"pgbouncer ended in {directory}: {''.join(said)}")
