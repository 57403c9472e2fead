"""Platform `supabase`: the Supabase CLI deploys, deletes and downloads; the Management API says what is there."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pointsctl import supabase_cli
from pointsctl.errors import ContextMissingError, CouldNotLookError, PointsctlError, UsageError
from pointsctl.function_platforms.interface import Platform, ProjectDatabase
from pointsctl.limited import Limited
from pointsctl.management_api import PROJECT, TOKEN, ManagementApi, address_in, token_of
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.canonical import utc_text
from pointsctl.model.configuration import Functions
from pointsctl.model.deployed_function import DeployedFunction, LogLine, listed
from pointsctl.model.escape import plain
from pointsctl.model.redaction import redact
from pointsctl.model.supabase_logs import MOST_LINES, QUERIES, read_lines
from pointsctl.postgres import sqlfiles

_FOLDER = "functions"
_QUERIES = ("project-database", "project-database-unprivileged")
_NOT_ALLOWED = frozenset({400, 403})
"""Statuses of a question that the token may not ask, or that the database does not answer."""
_SHORTEST = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Supabase(Platform):
    """The project `project`. `directory` is the checklist's folder, where the CLI is looked for first, once."""

    settings: Functions
    project: str
    variables: Mapping[str, str] = field(repr=False)
    directory: Path
    _known: supabase_cli.SupabaseCli | None = field(default=None, init=False, repr=False)

    @classmethod
    def open(cls, settings: Functions, project: str, variables: Mapping[str, str], directory: Path) -> Self:
        """Nothing is looked at yet."""
        return cls(settings, project, variables, directory)

    def refuse(self, cancellation: Cancellation) -> None:
        """Raises for a missing CLI, a missing token, or a project that is no project ref."""
        self._api()
        self._cli(cancellation)

    def database(self, cancellation: Cancellation) -> ProjectDatabase | None:
        """Asked with `POST /v1/projects/{ref}/database/query`; None when the token may not, or the query is refused."""
        path = f"/v1/projects/{self.project}/database/query"
        for name in _QUERIES:
            body = {"query": sqlfiles.load(_FOLDER, name).statement, "read_only": True}
            limited = self._limited(cancellation)
            answer = self._api().ask("POST", path, limited, body=body, unless=_NOT_ALLOWED)
            if answer is not None:
                return _database(answer)
        return None

    def list(self, cancellation: Cancellation) -> tuple[DeployedFunction, ...]:
        """Asked with `GET /v1/projects/{ref}/functions`."""
        return tuple(one for one, _ in self._listed(cancellation))

    def deploy(self, name: str, folder: Path, cancellation: Cancellation) -> None:
        """`supabase functions deploy NAME --use-api`: bundled by the platform, so that no container is needed."""
        self._run(("functions", "deploy", name, "--use-api"), folder, cancellation)

    def delete(self, name: str, cancellation: Cancellation) -> None:
        """`supabase functions delete NAME`."""
        if name not in {one.name for one in self.list(cancellation)}:
            raise ContextMissingError(
                f"there is no function {plain(name, 60)!r}", hint="see `pointsctl functions list`"
            )
        with tempfile.TemporaryDirectory() as folder:
            self._run(("functions", "delete", name), Path(folder), cancellation)

    def save(self, name: str, folder: Path, cancellation: Cancellation) -> bool:
        """`supabase functions download NAME --use-api`."""
        self._run(("functions", "download", name, "--use-api"), folder, cancellation)
        return True

    def logs(self, since: datetime, until: datetime, cancellation: Cancellation) -> tuple[LogLine, ...] | None:
        """What the functions wrote, and their answers with status 500 and above; None unless `functions.logs` is set."""
        if not self.settings.logs:
            return None
        names = {identifier: one.name for one, identifier in self._listed(cancellation)}
        lines: set[LogLine] = set()
        for query in QUERIES:
            found = self._lines(query, since, until, names, cancellation)
            lines.update(line for line in found if since <= line.at <= until)
        return tuple(sorted(lines, key=lambda line: (line.at, line.function, line.message)))

    def _lines(
        self, query: str, since: datetime, until: datetime, names: Mapping[str, str], cancellation: Cancellation
    ) -> tuple[LogLine, ...]:
        """The lines of one query; a time with too many of them is read in halves."""
        asked = {"sql": query, "iso_timestamp_start": utc_text(since), "iso_timestamp_end": utc_text(until)}
        path = f"/v1/projects/{self.project}/analytics/endpoints/logs.all"
        lines = read_lines(self._api().ask("GET", path, self._limited(cancellation), query=asked), names)
        if len(lines) < MOST_LINES:
            return lines
        if until - since <= _SHORTEST:
            message = f"the functions wrote {len(lines):,} lines or more within a second at {utc_text(since)}"
            raise CouldNotLookError(message, hint="see the logs on the platform; not all of them can be read here")
        middle = since + (until - since) / 2
        return (
            *self._lines(query, since, middle, names, cancellation),
            *self._lines(query, middle, until, names, cancellation),
        )

    def _listed(self, cancellation: Cancellation) -> tuple[tuple[DeployedFunction, str], ...]:
        """Every function with its id, by which the logs name it."""
        path = f"/v1/projects/{self.project}/functions"
        answer = self._api().ask("GET", path, self._limited(cancellation))
        return _functions(answer)

    def _run(self, arguments: tuple[str, ...], folder: Path, cancellation: Cancellation) -> None:
        limited = self._limited(cancellation)
        cli = self._cli(cancellation)
        # Without a target of its own, a newer CLI takes the project that some folder was linked to.
        target = (f"--remote={self.project}",) if cli.version >= (3, 0, 0) else ("--project-ref", self.project)
        profile = ("--profile", str(self._profile())) if self.settings.profile else ()
        (folder / "supabase").mkdir(mode=0o700, exist_ok=True)
        token = self._api().token
        try:
            supabase_cli.run(
                cli,
                (*arguments, *target, *profile),
                variables={TOKEN: token, "SUPABASE_API_MAX_RETRIES": "0"},
                folder=folder,
                cancellation=limited,
            )
        except PointsctlError as error:
            # The CLI quotes what the platform answered, whatever that holds.
            error.message, error.hint = redact(error.message, (token,)), redact(error.hint, (token,))
            raise

    def _cli(self, cancellation: Cancellation) -> supabase_cli.SupabaseCli:
        self._known = self._known or supabase_cli.find(self.variables, self.directory, self._limited(cancellation))
        return self._known

    def _api(self) -> ManagementApi:
        if not PROJECT.fullmatch(self.project):
            message = f"the project {plain(self.project, 60)!r} is no project ref; expected 20 lower-case letters"
            raise UsageError(message, hint="copy it from the project's address in the dashboard")
        return ManagementApi(address_in(self._profile()), token_of(self.variables))

    def _profile(self) -> Path | None:
        return (self.directory / self.settings.profile).absolute() if self.settings.profile else None

    def _limited(self, cancellation: Cancellation) -> Limited:
        return Limited(cancellation, self.settings.timeout.total_seconds())


def _database(answer: Any) -> ProjectDatabase:
    if not isinstance(answer, list) or len(answer) != 1:
        raise _unexpected("the answer of the project's database")
    row = answer[0]
    try:
        return ProjectDatabase(
            system_identifier=row["system_identifier"],
            database_oid=int(row["database_oid"]),
            database=str(row["database"]),
            server_started_at=_EPOCH + timedelta(microseconds=int(row["started_us"])),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise _unexpected("the answer of the project's database") from None


def _functions(answer: Any) -> tuple[tuple[DeployedFunction, str], ...]:
    if not isinstance(answer, list):
        raise _unexpected("the list of functions")
    identifiers = {found.name: str(one.get("id", "")) for one in answer for found in [_function(one)]}
    try:
        return tuple((one, identifiers[one.name]) for one in listed(map(_function, answer)))
    except ValueError:
        raise _unexpected("the list of functions") from None


def _function(one: Any) -> DeployedFunction:
    try:
        return DeployedFunction(
            name=str(one["slug"]),
            version=_number(one["version"]),
            status=str(one["status"]),
            sha256=one.get("ezbr_sha256"),
            updated_at=_EPOCH + timedelta(milliseconds=int(one["updated_at"])),
            verify_jwt=one.get("verify_jwt"),
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise _unexpected("the list of functions") from None


def _number(value: object) -> str:
    """The version, which rises; whether an API writes it as a number or as a text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("no version")
    return str(value)


def _unexpected(what: str) -> CouldNotLookError:
    return CouldNotLookError(f"{what} is not as expected", hint="see whether the address is the Management API's")
