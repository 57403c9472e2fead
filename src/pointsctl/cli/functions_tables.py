"""Functions for people and programs: what was deployed, what is there, how they answer, what their logs showed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.ages import minute
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.model.function_state import FunctionState, KnownFunction

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.model.deployed_function import DeployedFunction
    from pointsctl.model.function_probe import FunctionProbe
    from pointsctl.model.ledger import Head
    from pointsctl.workflow.delete_function import FunctionDeleted
    from pointsctl.workflow.deploy_functions import FunctionDone, FunctionsDeployed
    from pointsctl.workflow.list_functions import FunctionsListed
    from pointsctl.workflow.probe_functions import FunctionsProbed
    from pointsctl.workflow.watch_logs import LogsWatched

_NARROW = 80
_CELL = 60
_STATES = {
    FunctionState.DEPLOYED: "deployed by pointsctl",
    FunctionState.FOREIGN: "not deployed by pointsctl",
    FunctionState.INACTIVE: "deployed by pointsctl, not active",
    FunctionState.MISSING: "not there",
    FunctionState.UNLISTED: "not in the checklist",
}


def print_deployed(done: FunctionsDeployed, environment: str, *, as_json: bool) -> None:
    """What became of each function; as one document `pointsctl/function-deployment/v1` on demand."""
    if as_json:
        document = {"schema": "pointsctl/function-deployment/v1", "environment": environment}
        functions = [_deployed_document(one) for one in done.functions]
        about = {"platform": done.platform, "project": done.project, "identified": done.identified}
        print_json({**document, **about, "functions": functions})
        return
    out = console()
    rows = [
        (one.name, one.done.value, _versions(one), one.bundle[:12], "yes" if one.compared else "no")
        for one in done.functions
    ]
    _print_rows(out, ("function", "what", "version", "bundle", "compared"), rows)
    for one in done.functions:
        if one.saved:
            print_wrapped(out, f"{one.name}: what was there before is in the store: {one.saved}", indent=2)
    if not all(one.compared for one in done.functions):
        print_wrapped(out, "not compared: nobody looked whether the platform runs what was sent", indent=2)
    print_wrapped(out, f"next: pointsctl functions probe --env {environment}")


def announce_deletion(one: DeployedFunction, environment: str) -> None:
    """What is about to be deleted, on stderr."""
    version = plain(one.version, 40)
    sys.stderr.write(f"{plain(one.name, _CELL)}, version {version}, will be deleted from {environment}\n")


def print_deletion(done: FunctionDeleted, environment: str, *, as_json: bool) -> None:
    """What was deleted; as one document `pointsctl/function-deletion/v1` on demand."""
    if as_json:
        about = {"name": done.name, "project": done.project, "version": done.version, "saved": done.saved}
        document = {"schema": "pointsctl/function-deletion/v1", "environment": environment}
        print_json({**document, **about, "record": _head(done.recorded)})
        return
    kept = f"kept in the store: {done.saved}" if done.saved else "the platform gave nothing back to keep"
    print_wrapped(console(), f"{done.name}, version {plain(done.version, 40)}, is deleted; {kept}", indent=2)


def print_list(found: FunctionsListed, environment: str, *, as_json: bool) -> None:
    """Every function with what is known of it; as one document `pointsctl/functions/v1` on demand."""
    if as_json:
        about = {"platform": found.platform, "project": found.project}
        document = {"schema": "pointsctl/functions/v1", "environment": environment}
        print_json({**document, **about, "functions": [_known_document(one) for one in found.functions]})
        return
    out = console()
    rows = [
        (
            plain(one.name, _CELL),
            plain(one.listed.version, 40) if one.listed else "-",
            plain(one.listed.status, 40) if one.listed else "-",
            minute(one.listed.updated_at) if one.listed and one.listed.updated_at else "-",
            one.last.data.bundle[:12] if one.last and one.state is FunctionState.DEPLOYED else "-",
            _STATES[one.state],
        )
        for one in found.functions
    ]
    if rows:
        _print_rows(out, ("function", "version", "status", "updated", "bundle", "known as"), rows)
    else:
        print_wrapped(out, f"no functions of {plain(found.project, _CELL)}")
    if found.without_ledger:
        print_wrapped(out, f"who deployed them is not known: {plain(found.without_ledger)}", indent=2)


def print_probes(probed: FunctionsProbed, environment: str, *, as_json: bool) -> None:
    """How each function answered; as one document `pointsctl/function-probe/v1` on demand."""
    if as_json:
        document = {"schema": "pointsctl/function-probe/v1", "environment": environment, "url": probed.url}
        print_json({**document, "functions": [_probe_document(one) for one in probed.functions]})
        return
    rows = [
        (
            one.name,
            f"{answer.asked.value} ({answer.method})",
            "-" if answer.status is None else str(answer.status),
            f"{answer.duration_ms:,} ms",
            plain(answer.problem, 200) or "ok",
        )
        for one in probed.functions
        for answer in one.answers
    ]
    out = console()
    _print_rows(out, ("function", "asked", "status", "time", "result"), rows)
    good = sum(one.passes for one in probed.functions)
    print_wrapped(out, f"{good} of {len(probed.functions)} functions answered well", style="bold")


def print_watched(watched: LogsWatched, environment: str, *, as_json: bool) -> None:
    """What the logs showed; as one document `pointsctl/function-watch/v1` on demand."""
    if as_json:
        print_json(_watched_document(watched, environment))
        return
    out = console()
    times = f"{minute(watched.since)} to {minute(watched.until)}"
    line = f"{times}: {watched.lines:,} lines, {watched.errors:,} errors"
    print_wrapped(out, line, style="red" if watched.errors else "")
    for one in watched.first_errors:
        print_wrapped(out, f"{utc_text(one.at)} {one.function}: {one.message}", indent=2)
    if watched.errors > len(watched.first_errors):
        print_wrapped(out, f"and {watched.errors - len(watched.first_errors):,} more")


def _print_rows(out: Console, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table, or a few lines for each row where the terminal is narrow."""
    if out.width < _NARROW:
        for row in rows:
            print_wrapped(out, row[0], style="bold")
            for name, value in zip(header[1:], row[1:], strict=True):
                print_wrapped(out, f"  {name}: {value}", indent=2)
        return
    from rich.table import Table

    table = Table(*header, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _versions(one: FunctionDone) -> str:
    after = plain(one.version_after, 40)
    return (
        after if one.version_before in {None, one.version_after} else f"{plain(one.version_before or '', 40)} → {after}"
    )


def _head(head: Head | None) -> str | None:
    return f"{head.seq}:{head.hash}" if head else None


def _deployed_document(one: FunctionDone) -> dict[str, Any]:
    return {
        "name": one.name,
        "done": one.done.value,
        "bundle": one.bundle,
        "version_before": one.version_before,
        "version_after": one.version_after,
        "saved": one.saved,
        "compared": one.compared,
        "record": _head(one.recorded),
    }


def _known_document(one: KnownFunction) -> dict[str, Any]:
    listed, last = one.listed, one.last
    return {
        "name": one.name,
        "state": one.state.value,
        "version": listed.version if listed else None,
        "status": listed.status if listed else None,
        "sha256": listed.sha256 if listed else None,
        "updated_at": utc_text(listed.updated_at) if listed and listed.updated_at else None,
        "bundle": last.data.bundle if last and one.state is FunctionState.DEPLOYED else None,
        "record": last.record.seq if last else None,
    }


def _probe_document(one: FunctionProbe) -> dict[str, Any]:
    answers = [
        {
            "asked": answer.asked.value,
            "method": answer.method,
            "url": answer.url,
            "status": answer.status,
            "duration_ms": answer.duration_ms,
            "problem": answer.problem,
        }
        for answer in one.answers
    ]
    return {"name": one.name, "passes": one.passes, "answers": answers}


def _watched_document(watched: LogsWatched, environment: str) -> dict[str, Any]:
    first = [{"at": utc_text(one.at), "function": one.function, "message": one.message} for one in watched.first_errors]
    return {
        "schema": "pointsctl/function-watch/v1",
        "environment": environment,
        "project": watched.project,
        "functions": list(watched.functions),
        "since": utc_text(watched.since),
        "until": utc_text(watched.until),
        "lines": watched.lines,
        "errors": watched.errors,
        "errors_by_function": watched.errors_by_function,
        "first_errors": first,
        "record": _head(watched.recorded),
    }
