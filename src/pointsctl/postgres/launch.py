"""How a private server's programs are started: settings, access rules, account, environment."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pointsctl.postgres.binaries import Account

# For data that nobody would miss: no promise survives a crash of the machine, everything else is as usual.
THROW_AWAY_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    "maintenance_work_mem": "256MB",
}


@dataclass(frozen=True)
class TcpAccess:
    """Connections over 127.0.0.1: the superuser's password (SCRAM), and whether only encrypted ones are let in."""

    password: str = field(repr=False)
    tls_only: bool = False

    def rule(self) -> str:
        """Return the line of pg_hba.conf that lets such connections in."""
        return f"{'hostssl' if self.tls_only else 'host'} all all 127.0.0.1/32 scram-sha-256"


def launch(
    arguments: list[str], log: IO[bytes], account: Account, *, libraries: tuple[Path, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start a program detached from the terminal, as `account`, with nothing of our environment; its output goes to `log`.

    `libraries` are folders of shared libraries that come before the system's.
    """
    drop: dict[str, Any] = {}
    if account.drop:
        drop = {"user": account.uid, "group": account.gid, "extra_groups": []}
    return subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", **library_path(libraries)},
        start_new_session=True,
        umask=0o077,
        **drop,
    )


def library_path(libraries: tuple[Path, ...]) -> dict[str, str]:
    """The variable that names folders of shared libraries, where there are any."""
    return {"LD_LIBRARY_PATH": os.pathsep.join(str(one) for one in libraries)} if libraries else {}


def list_entry(path: Path) -> str:
    """Write a path as the only entry of a list setting, where commas and quotes mean something."""
    return '"' + str(path).replace('"', '""') + '"'


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
