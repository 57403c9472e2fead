"""A private PostgreSQL server from the installed wheel, for the sandbox, restore drills and tests."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from pointsctl.errors import ServerUnreachableError, StorageError, TookTooLongError
from pointsctl.postgres import postmaster
from pointsctl.postgres.binaries import Account, Binaries, embedded_binaries
from pointsctl.postgres.directories import make_passable, private_directory
from pointsctl.postgres.file_lock import file_lock
from pointsctl.postgres.launch import THROW_AWAY_SETTINGS, TcpAccess, free_port, launch, list_entry

__all__ = ["THROW_AWAY_SETTINGS", "PrivateCluster", "TcpAccess"]

# sockaddr_un.sun_path holds 104 bytes on BSD and macOS, 108 on Linux, a final zero included.
SOCKET_PATH_LIMIT = 103
SOCKET_PORT = 5432
POLL_INTERVAL_S = 0.02
LOG_LINES_SHOWN = 5

# Servers that this process started, so that an ended one does not stay behind as a zombie, whoever stops it.
_started: dict[Path, subprocess.Popen[bytes]] = {}

_FIXED_SETTINGS: Mapping[str, str] = {"timezone": "UTC", "log_timezone": "UTC", "unix_socket_permissions": "0777"}


class PrivateCluster:
    """One PostgreSQL server with its data, its socket and its log under `directory`; everything can be called again.

    The socket is in a directory that only the server's account (and root) can enter, and whoever can enter is trusted.
    As root the server runs as `nobody`, so every parent of `directory` has to let that user pass.
    """

    def __init__(
        self,
        directory: Path,
        *,
        superuser: str = "postgres",
        settings: Mapping[str, str] | None = None,
        tcp: TcpAccess | None = None,
        binaries: Binaries | None = None,
        initdb_options: Sequence[str] = (),
    ) -> None:
        self.directory = directory.absolute()
        self.data_directory = self.directory / "data"
        self.log_file = self.directory / "server.log"
        self.superuser = superuser
        self._settings = {**(settings or {}), **_FIXED_SETTINGS}
        self._tcp = tcp
        self._account = Account.of_this_process()
        self._binaries = binaries
        self._initdb_options = tuple(initdb_options)

    def __enter__(self) -> PrivateCluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, timeout: float = 60) -> None:
        """Make the cluster if there is none, start the server if it does not run, and return when it answers.

        Raises StorageError (directory cannot be used), ServerUnreachableError (the server ended; its last words are in the
        message), TookTooLongError after `timeout` seconds.
        """
        if self.is_running():
            return
        self._make_directories()
        with file_lock(self.directory / "start.lock", timeout=timeout) as acquired:
            if not acquired:
                raise TookTooLongError(
                    f"another process has been starting the server in {self.directory} for {timeout:g} s"
                )
            if not self.is_running():
                self._start(timeout)

    def _start(self, timeout: float) -> None:
        if not self.data_directory.exists():
            self._initialize()
        postmaster.forget_stale_pid_file(self.data_directory)
        port = free_port() if self._tcp else SOCKET_PORT
        with self.log_file.open("ab") as log:
            _started[self.data_directory] = self._launch(self._server_arguments(port), log)
        self._wait_until_ready(port, timeout)
        self._set_password()

    def stop(self, *, timeout: float = 30) -> None:
        """Stop the server, cancelling what runs (SIGINT); harder when it does not end. Does nothing when none runs."""
        process = postmaster.running_server(self.data_directory)
        if process is not None and not (
            postmaster.stop(process, signal.SIGINT, timeout) or postmaster.stop(process, signal.SIGQUIT, timeout)
        ):
            raise TookTooLongError(
                f"the server in {self.directory} (pid {process.pid}) still runs after {2 * timeout:g} s",
                hint=f"look at {self.log_file}",
            )
        self._reap()

    def kill(self, *, timeout: float = 30) -> None:
        """End the server as a crash would: nothing is written out, the next start recovers."""
        process = postmaster.running_server(self.data_directory)
        if process is not None:
            postmaster.kill(process, timeout)
        self._reap()

    def restart(self) -> None:
        """Stop and start; the address stays the same unless TCP is on."""
        self.stop()
        self.start()

    def destroy(self) -> None:
        """Stop the server and delete its directory with all data."""
        self.kill()
        shutil.rmtree(self._socket_directory(), ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def is_running(self) -> bool:
        """Say whether the server process is there, by identity and not by pid alone."""
        return postmaster.running_server(self.data_directory) is not None

    def url(self, dbname: str, user: str | None = None) -> str:
        """Return the URL of a database over the socket; it holds no secret. The server need not run."""
        pid_file = postmaster.PidFile.read(self.data_directory)
        return self._address(dbname, user or self.superuser, pid_file.port if pid_file else SOCKET_PORT)

    def tcp_url(self, dbname: str, user: str, password: str, *, sslmode: str = "prefer") -> str:
        """Return the URL over 127.0.0.1, with the password in it. Raises ServerUnreachableError when TCP is not served."""
        pid_file = postmaster.PidFile.read(self.data_directory)
        if self._tcp is None or pid_file is None:
            raise ServerUnreachableError(f"the server in {self.directory} does not listen on TCP")
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{pid_file.port}/{quote(dbname, safe='')}?sslmode={sslmode}"

    def _address(self, dbname: str, user: str, port: int) -> str:
        where = urlencode({"host": str(self._socket_directory()), "port": port}, safe="/", quote_via=quote)
        return f"postgresql://{quote(user, safe='')}@/{quote(dbname, safe='')}?{where}"

    def _make_directories(self) -> None:
        try:
            make_passable(self.directory)
        except OSError as error:
            raise StorageError(
                f"cannot make the directory {self.directory}: {error.strerror}",
                hint="choose a directory that you may write to",
            ) from error
        barrier = self._account.barrier_before(self.directory)
        if barrier is not None:
            raise StorageError(
                f"the server runs as user {self._account.uid} and cannot reach {self.directory}: {barrier} lets others not pass",
                hint="choose a directory whose parents everybody may pass, for instance under /var/lib",
            )
        private_directory(self._socket_directory(), mode=0o700, uid=self._account.uid)

    def _socket_directory(self) -> Path:
        """Return a place beside the data, or one under /tmp named after it where the path would be too long."""
        beside = self.directory / "s"
        if len(os.fsencode(beside)) + len(f"/.s.PGSQL.{SOCKET_PORT}x") <= SOCKET_PATH_LIMIT:
            return beside
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        return Path(f"/tmp/pointsctl-{self._account.uid}-{digest}")  # noqa: S108 (private_directory checks who owns it)

    def _initialize(self) -> None:
        """Run initdb under another name first: a directory called data is a whole cluster, whatever was killed before."""
        partial = self.directory / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        private_directory(partial, mode=0o700, uid=self._account.uid)
        arguments = [
            "-D",
            str(partial),
            "-U",
            self.superuser,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            *self._initdb_options,
        ]
        with self.log_file.open("ab") as log:
            code = self._launch([self._program("initdb"), *arguments], log).wait()
        if code != 0:
            raise StorageError(
                f"initdb ended with {code}, expected 0: {self._last_words()}", hint=f"see {self.log_file}"
            )
        partial.rename(self.data_directory)

    def _server_arguments(self, port: int) -> list[str]:
        access = self.directory / "pg_hba.conf"
        rules = ["local all all trust", *([self._tcp.rule()] if self._tcp else [])]
        access.write_text("\n".join(rules) + "\n", encoding="utf-8")
        access.chmod(0o644)
        settings = {
            **self._settings,
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": str(port),
            "hba_file": str(access),
            "unix_socket_directories": list_entry(self._socket_directory()),
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self._program("postgres"), "-D", str(self.data_directory), *flags]

    def _program(self, name: str) -> str:
        return str(self._installation().program(name))

    def _installation(self) -> Binaries:
        if self._binaries is None:
            self._binaries = embedded_binaries(self._account)
        return self._binaries

    def _launch(self, arguments: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return launch(arguments, log, self._account, libraries=self._installation().libraries)

    def _wait_until_ready(self, port: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        address = self._address("postgres", self.superuser, port)
        while True:
            try:
                psycopg.connect(address, connect_timeout=2).close()
            except psycopg.OperationalError as error:
                self._check_still_starting(deadline, timeout, str(error).strip())
                time.sleep(POLL_INTERVAL_S)
            else:
                return

    def _check_still_starting(self, deadline: float, timeout: float, reason: str) -> None:
        code = _started[self.data_directory].poll()
        if code is not None:
            raise ServerUnreachableError(
                f"the server in {self.directory} ended with {code} while starting: {self._last_words()}",
                hint=f"see {self.log_file}",
            )
        if time.monotonic() > deadline:
            self.kill()
            raise TookTooLongError(
                f"the server in {self.directory} did not answer within {timeout:g} s: {reason}",
                hint=f"see {self.log_file}",
            )

    def _set_password(self) -> None:
        if self._tcp is None:
            return
        statement = sql.SQL("alter role {} password {}").format(sql.Identifier(self.superuser), self._tcp.password)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("set log_min_duration_statement = -1; set log_statement = 'none'")
            connection.execute(statement)

    def _last_words(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(line.strip() for line in lines[-LOG_LINES_SHOWN:] if line.strip())

    def _reap(self) -> None:
        child = _started.get(self.data_directory)
        if child is not None and child.poll() is not None:
            del _started[self.data_directory]
