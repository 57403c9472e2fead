"""Use case: run SQL audits alone, with the parameters that the checklist gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pointsctl.checks.sql_audit import SqlAudit
from pointsctl.errors import UsageError
from pointsctl.model.checklist import Checklist, Item, Phase, Section
from pointsctl.model.finding import Severity
from pointsctl.model.problems import nearest
from pointsctl.model.run import Run
from pointsctl.model.selection import Selection
from pointsctl.postgres import sqlfiles
from pointsctl.postgres.sqlfiles import SqlFile
from pointsctl.workflow.check_environment import Surroundings, check_environment
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.observer import Observer

_PREFIX = "audit."
_INCREMENTAL = "incremental"
"""Header of an audit that names its incremental form, a file with a parameter `since`."""


def run_audits(
    loaded: Loaded,
    names: Sequence[str],
    environment: str,
    surroundings: Surroundings,
    observer: Observer | None = None,
    *,
    sample: int = 20,
    since: datetime | None = None,
) -> Run:
    """Run the named audits (all of them when none is named) against an environment.

    With `since`, audits are replaced by their incremental form; one that has none is refused when it was named, and left
    out when everything was asked for. Raises UsageError for an unknown name, or when nothing would be run.
    """
    if since is not None and since > surroundings.clock():
        raise UsageError(
            f"--since {since.isoformat()} has not come yet", hint="nothing has changed since then; name an earlier time"
        )
    files = [_find(name) for name in names] if names else _full_audits()
    if since is not None:
        files = [file for file in (_incremental(file, required=bool(names)) for file in files) if file]
    if not files:
        raise UsageError("no audit to run", hint="see `pointsctl audit list`")
    parameters = _configured(loaded)
    checks = {f"{_PREFIX}{file.id}": _check(file, parameters.get(file.id, {}), sample, since) for file in files}
    items = tuple(_item(file) for file in files)
    alone = replace(loaded, checklist=_around(loaded.checklist, items), checks=checks, references={})
    return check_environment(alone, Selection("audits", items), environment, surroundings, observer)


def _find(name: str) -> SqlFile:
    known = sqlfiles.names("audits")
    if name not in known:
        close = nearest(name, known)
        raise UsageError(
            f"no audit {name!r}", hint=f"did you mean {close!r}?" if close else "see `pointsctl audit list`"
        )
    return sqlfiles.load("audits", name)


def _full_audits() -> list[SqlFile]:
    """Every audit except the incremental forms, which need a time to start from."""
    files = [sqlfiles.load("audits", name) for name in sqlfiles.names("audits")]
    incremental = {file.headers.get(_INCREMENTAL) for file in files}
    return [file for file in files if file.id not in incremental]


def _incremental(file: SqlFile, *, required: bool) -> SqlFile | None:
    if "since" in file.parameters:
        return file
    name = file.headers.get(_INCREMENTAL)
    if name:
        return sqlfiles.load("audits", name)
    if required:
        able = ", ".join(one.id for one in _full_audits() if one.headers.get(_INCREMENTAL))
        raise UsageError(f"audit {file.id!r} has no incremental form", hint=f"leave --since out; it works for: {able}")
    return None


def _configured(loaded: Loaded) -> dict[str, Mapping[str, Any]]:
    """The parameters that the checklist's items give each audit; the first item that names it decides."""
    found: dict[str, Mapping[str, Any]] = {}
    for check in loaded.checks.values():
        if isinstance(check, SqlAudit):
            for name in check.audits:
                if check.parameters.get(name):
                    found.setdefault(name, check.parameters[name])
    return found


def _check(file: SqlFile, parameters: Mapping[str, Any], sample: int, since: datetime | None) -> SqlAudit:
    given = dict(parameters)
    if since is not None:
        given["since"] = since.isoformat()
    return SqlAudit.model_validate(
        {"audits": [file.id], "parameters": {file.id: given} if given else {}, "sample": sample}
    )


def _item(file: SqlFile) -> Item:
    return Item.model_validate(
        {"id": f"{_PREFIX}{file.id}", "title": file.title, "kind": "sql_audit", "severity": Severity(file.severity)}
    )


def _around(checklist: Checklist, items: tuple[Item, ...]) -> Checklist:
    section = Section(id="audits", title="SQL audits", items=items)
    return checklist.model_copy(update={"phases": (Phase(id="audits", title="SQL audits", sections=(section,)),)})
