"""Use case: ask every edge function at its address: it refuses whoever has no token, lets browsers ask, and answers in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pointsctl import web
from pointsctl.errors import ExitCode, InterruptedByOperatorError, PointsctlError, UsageError
from pointsctl.limited import Limited
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.function_probe import Answered, Asked, FunctionProbe, ProbeAnswer, problem_of
from pointsctl.model.http_request import refuse_clear_text
from pointsctl.model.progress import Progress, Unit
from pointsctl.model.redaction import redact_url
from pointsctl.model.time_limit import stop_if_over
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.planned_functions import wanted_names

_STAGE = "probes"
_PATH = "/functions/v1/"
_KEY = "SUPABASE_ANON_KEY"
_ORIGIN = "https://example.test"
_PREFLIGHT = {
    "origin": _ORIGIN,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type",
}


@dataclass(frozen=True)
class FunctionsProbed:
    """Every function that was asked, at its address below `url`."""

    url: str
    functions: tuple[FunctionProbe, ...]

    @property
    def exit_code(self) -> ExitCode:
        """4 when one could not be reached, 1 when one answered badly; 0 only when all of them, and at least one, passed."""
        if not self.functions or any(one.unreached for one in self.functions):
            return ExitCode.COULD_NOT_LOOK
        return ExitCode.DONE if all(one.passes for one in self.functions) else ExitCode.BAD


def probe_functions(
    request: BackupRequest, names: Sequence[str], cancellation: Cancellation, progress: Progress
) -> FunctionsProbed:
    """Ask the functions `names`, all of the checklist's when empty; nothing that they do is asked of them.

    A request that is not answered is told in the result. Raises UsageError for an environment without `functions_url`,
    InterruptedByOperatorError.
    """
    base = request.environment.functions_url.rstrip("/")
    if not base:
        message = f"environment {request.name!r} has no `functions_url`"
        raise UsageError(message, hint="add the base address of its functions to the checklist")
    wanted = wanted_names(request.loaded.checklist.functions.names, names)
    progress.begin(_STAGE, Unit.THINGS, len(wanted))
    probed = []
    for number, name in enumerate(wanted):
        progress.move(_STAGE, number, name)
        answers = tuple(_ask(request, *one, cancellation) for one in _requests(request, f"{base}{_PATH}{name}"))
        probed.append(FunctionProbe(name, answers))
    progress.end(_STAGE)
    return FunctionsProbed(redact_url(base), tuple(probed))


def _requests(request: BackupRequest, url: str) -> Iterator[tuple[Asked, web.Request]]:
    body = {"content-type": "application/json"}
    yield Asked.UNAUTHENTICATED, web.Request("POST", url, body, b"{}")
    yield Asked.PREFLIGHT, web.Request("OPTIONS", url, _PREFLIGHT)
    health = request.loaded.checklist.functions.health
    if health:
        yield Asked.HEALTH, web.Request("GET", f"{url}/{health.lstrip('/')}", _authorized(request, url))


def _authorized(request: BackupRequest, url: str) -> dict[str, str]:
    """The public key of the project, where the environment has one: without it the platform itself refuses the call."""
    key = {**request.variables, **request.environment.variables}.get(_KEY, "")
    if not key or not (key.isascii() and key.isprintable()):
        return {}
    refuse_clear_text(url)
    return {"authorization": f"Bearer {key}", "apikey": key}


def _ask(request: BackupRequest, asked: Asked, sent: web.Request, cancellation: Cancellation) -> ProbeAnswer:
    settings = request.loaded.checklist.functions
    stop_if_over(cancellation, "probing the functions")
    try:
        answer = web.fetch(sent, Limited(cancellation, settings.timeout.total_seconds()))
    except InterruptedByOperatorError:
        raise
    except PointsctlError as error:
        return ProbeAnswer(asked, sent.method, redact_url(sent.url), None, 0, error.message)
    problem = problem_of(asked, Answered(answer.status, answer.headers, answer.seconds), settings.slowest)
    duration_ms = round(answer.seconds * 1000)
    return ProbeAnswer(asked, sent.method, redact_url(sent.url), answer.status, duration_ms, problem)
