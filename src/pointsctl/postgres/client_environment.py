"""How PostgreSQL's client programs are told where to connect: by files that only this user can read, never by arguments."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pointsctl.errors import StorageError, UsageError
from pointsctl.files import new_private_file
from pointsctl.postgres.connection import Connection

CONNECTION = "service=pointsctl"
"""The argument of `--dbname`: what it means is in the service file that the environment names."""

_SERVICE = "pointsctl"
# The program has a name of its own, goes to the one server that the connection is on, and finds the password in our file.
_OWN = frozenset(
    {"application_name", "client_encoding", "load_balance_hosts", "passfile", "service", "target_session_attrs"}
)
# What our libpq fills in itself, and an older one of the program does not know.
_FILLED_IN = {"sslcertmode": "allow"}


@contextmanager
def client_environment(connection: Connection, folder: Path, search_path: str) -> Iterator[Mapping[str, str]]:
    """The whole environment for a program that is to connect to where `connection` is, as the same role.

    The two files with it, one of them with the password, are in `folder` during the block; `search_path` has the form of
    PATH. Raises StorageError, UsageError (a password or parameter that such a file cannot hold).
    """
    mark = secrets.token_hex(6)
    service, passwords = folder / f"service-{mark}", folder / f"passwords-{mark}"
    parameters = "".join(f"{key}={_on_a_line(key, value)}\n" for key, value in _parameters(connection).items())
    try:
        _write(service, f"[{_SERVICE}]\n{parameters}")
        _write(passwords, f"*:*:*:*:{_password(connection)}\n")
        yield {
            "PATH": search_path,
            "LC_ALL": "C",
            "PGSERVICEFILE": str(service),
            "PGPASSFILE": str(passwords),
        }
    finally:
        service.unlink(missing_ok=True)
        passwords.unlink(missing_ok=True)


def _parameters(connection: Connection) -> Mapping[str, str]:
    """What the connection was made with, whether it stood in the URL, in variables or in a service file."""
    info = connection.info
    used = info.get_parameters().items()
    given = {key: value for key, value in used if key not in _OWN and _FILLED_IN.get(key) != value}
    here = {"host": info.host, "port": str(info.port), "user": info.user, "dbname": info.dbname}
    over_network = bool(info.hostaddr) and not info.host.startswith(("/", "@"))
    return {**given, **here, **({"hostaddr": info.hostaddr} if over_network else {})}


def _on_a_line(key: str, value: str) -> str:
    # libpq takes the blanks at the end of a line for none, and a line end for the end.
    if value != value.rstrip() or not value.isprintable():
        message = f"the parameter {key} of the database's address ends with a blank or holds a control character"
        raise UsageError(message, hint="client programs cannot be given such a value; write it without")
    return value


def _password(connection: Connection) -> str:
    password = connection.info.password
    if "\n" in password or "\r" in password:
        hint = "client programs cannot be given such a password; set another one"
        raise UsageError("the password of the database's address holds a line end", hint=hint)
    return password.replace("\\", "\\\\").replace(":", "\\:")


def _write(path: Path, text: str) -> None:
    try:
        with new_private_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"cannot write {path}: {reason}", hint="see the folder's permissions and room") from None
