"""Use case: watch the functions' logs for a time after their deployment, and record what they showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pointsctl.errors import CouldNotLookError, ExitCode, InterruptedByOperatorError
from pointsctl.ledger.reading import read_history
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.deployed_function import ERROR, LogLine
from pointsctl.model.escape import plain
from pointsctl.model.function_records import RecordedFunction, WatchedData, function_draft
from pointsctl.model.function_state import last_deployment
from pointsctl.model.ledger import Head
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.redaction import redact, secret_values
from pointsctl.model.time_limit import stop_if_over
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.open_platform import OpenedPlatform, open_platform
from pointsctl.workflow.planned_functions import wanted_names

_STAGE = "logs"
_EVERY = timedelta(seconds=15)
_LATE = timedelta(seconds=30)
"""So long after it was written a line may still be on its way into the log."""
_KEPT = timedelta(hours=24)
"""What is older is not in every log any more."""
_SHOWN = 20
_LINE_LENGTH = 300

Pause = Callable[[float], None]
"""Waits so many seconds, or until a stop is requested."""


@dataclass(frozen=True)
class SeenError:
    """A line that tells of a failure, without secrets."""

    at: datetime
    function: str
    message: str


@dataclass(frozen=True)
class LogsWatched:
    """What the logs of `functions` showed from `since` until `until`; `first_errors` are the first few errors."""

    project: str
    functions: tuple[str, ...]
    since: datetime
    until: datetime
    lines: int
    errors: int
    errors_by_function: dict[str, int]
    first_errors: tuple[SeenError, ...]
    recorded: Head

    @property
    def exit_code(self) -> ExitCode:
        """1 for any error."""
        return ExitCode.BAD if self.errors else ExitCode.DONE


def watch_logs(request: BackupRequest, pause: Pause, cancellation: Cancellation, progress: Progress) -> LogsWatched:
    """Watch for `functions.watch_logs_for`, from the newest deployment on, or from now when that is longer ago than logs are
    kept; what is over already is read at once. Recorded as `function.watched`.

    Raises CouldNotLookError where no log can be read: that nothing was seen is no sign that nothing happened;
    InterruptedByOperatorError, and then nothing is recorded.
    """
    names = wanted_names(request.loaded.checklist.functions.names, ())
    with open_ledger(request.name, request.environment) as ledger:
        history = read_history(ledger, request.variables)
    opened = open_platform(request)
    now = request.surroundings.clock()
    since = _begins(history.functions, opened.project, names, now)
    watch = _Watch(request, opened, names, since, since + request.loaded.checklist.functions.watch_logs_for)
    watch.run(pause, cancellation, progress)
    plan = history.plan.digest if history.plan else None
    draft = function_draft(watch.data(), request.name, request.operator, plan=plan, run=None)
    with open_ledger(request.name, request.environment) as ledger:
        return watch.result(ledger.append(draft).head)


def _begins(recorded: tuple[RecordedFunction, ...], project: str, names: tuple[str, ...], now: datetime) -> datetime:
    deployed = [last.record.recorded_at for name in names if (last := last_deployment(recorded, project, name))]
    newest = max(deployed, default=now)
    return newest if timedelta(0) <= now - newest < _KEPT else now


@dataclass
class _Watch:
    """A watch in progress. Every time is read once more when its last lines must have arrived."""

    request: BackupRequest
    opened: OpenedPlatform
    names: tuple[str, ...]
    since: datetime
    until: datetime
    seen: set[LogLine] = field(default_factory=set)

    def run(self, pause: Pause, cancellation: Cancellation, progress: Progress) -> None:
        clock = self.request.surroundings.clock
        total = round((self.until - self.since).total_seconds())
        progress.begin(_STAGE, Unit.THINGS, total)
        read_from = self.since
        while True:
            now = clock()
            self._read(read_from, min(now, self.until), cancellation)
            passed = min(now, self.until) - self.since
            progress.move(_STAGE, max(0, round(passed.total_seconds())), self._told())
            left = self.until + _LATE - now
            if left <= timedelta(0):
                break
            read_from = max(self.since, now - _LATE)
            pause(min(_EVERY, left).total_seconds())
            self._stop_if_asked(cancellation)
        self._read(self.since, self.until, cancellation)
        progress.end(_STAGE, self._told())

    def _stop_if_asked(self, cancellation: Cancellation) -> None:
        try:
            stop_if_over(cancellation, "watching the logs")
        except InterruptedByOperatorError as error:
            error.message = f"stopped before the logs were watched for long enough: {self._told()}"
            error.hint = (
                f"run `pointsctl functions watch --env {self.request.name}` again: it begins with the deployment"
            )
            raise

    def _read(self, since: datetime, until: datetime, cancellation: Cancellation) -> None:
        lines = self.opened.platform.logs(since, until, cancellation)
        if lines is None:
            message = f"the logs of {plain(self.opened.project, 60)!r} cannot be read: no source of logs is configured"
            raise CouldNotLookError(message, hint="set `functions.logs: true`, or `functions.commands.logs`")
        self.seen.update(one for one in lines if self.since <= one.at <= self.until)

    @property
    def _errors(self) -> list[LogLine]:
        return sorted((one for one in self.seen if one.level == ERROR), key=lambda one: (one.at, one.function))

    def _told(self) -> str:
        return f"{len(self.seen):,} lines, {len(self._errors):,} errors"

    def data(self) -> WatchedData:
        """What is recorded."""
        return WatchedData(
            platform=self.opened.kind,
            project=self.opened.project,
            tool=self.request.tool,
            functions=self.names,
            since=self.since,
            until=self.until,
            lines=len(self.seen),
            errors=len(self._errors),
            errors_by_function=dict(sorted(Counter(plain(one.function, 60) for one in self._errors).items())),
        )

    def result(self, recorded: Head) -> LogsWatched:
        """What is shown."""
        data, secrets = self.data(), secret_values({**self.request.variables, **self.request.environment.variables})
        first = tuple(
            SeenError(one.at, plain(one.function, 60), plain(redact(one.message, secrets), _LINE_LENGTH))
            for one in self._errors[:_SHOWN]
        )
        return LogsWatched(
            data.project,
            self.names,
            self.since,
            self.until,
            data.lines,
            data.errors,
            data.errors_by_function,
            first,
            recorded,
        )
