"""Runs the service of the sandbox in the directory given as the only argument, on the socket that is its standard input."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn

from pointsctl.postgres.file_lock import file_lock
from pointsctl.sandbox.databases import sandbox_cluster
from pointsctl.sandbox.layout import Layout
from pointsctl.sandbox.service.app import ServiceSettings, make_app
from pointsctl.sandbox.service_process import ALREADY_SERVED, ServiceNote
from pointsctl.sandbox.state import DATABASES, PREFIXES, SandboxState, read_state


def main(root: Path) -> int:
    """Serve until told to stop; return the exit code."""
    layout = Layout(root)
    state = read_state(layout)
    if state is None:
        return 1
    # Held until the process ends: there is one service for each sandbox, whoever started it.
    with file_lock(layout.service_lock, timeout=0) as acquired:
        if not acquired:
            return ALREADY_SERVED
        _serve(layout, state)
    return 0


def _serve(layout: Layout, state: SandboxState) -> None:
    listening = socket.socket(fileno=sys.stdin.fileno())
    ServiceNote.of_this_process(listening.getsockname()[1]).write(layout)
    app = make_app(_settings(layout, state), state.instance)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
    )
    uvicorn.Server(config).run(sockets=[listening])


def _settings(layout: Layout, state: SandboxState) -> tuple[ServiceSettings, ...]:
    cluster = sandbox_cluster(layout)
    return tuple(
        ServiceSettings(
            name=name,
            database_url=cluster.url(DATABASES[name], "authenticator"),
            prefix=PREFIXES[name],
            jwt_secret=secrets.jwt_secret,
            coupon_secret=secrets.coupon_secret,
        )
        for name, secrets in state.environments.items()
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
