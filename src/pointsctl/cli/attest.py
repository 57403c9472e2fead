"""`pointsctl attest`: a person says, with a signature, that items are done that no program can see."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pointsctl.cli import options, signing

if TYPE_CHECKING:
    from pointsctl.workflow.attest import Attested, Saying

SCHEMA = "pointsctl/attested/v1"

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Items' ids, or globs of ids.")]
Fields = Annotated[
    list[str] | None, typer.Option("--field", metavar="NAME=VALUE", help="A blank of the item, filled in; repeatable.")
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What else there is to say.")]
Files = Annotated[
    list[Path] | None,
    typer.Option("--evidence", metavar="FILE", help="A file that shows it; its digest is recorded; repeatable."),
]
Expires = Annotated[
    str | None, typer.Option("--expires", metavar="DURATION", help="Counts no longer than that, such as 24h.")
]


def attest(
    ids: Ids,
    environment: options.EnvironmentName = None,
    fields: Fields = None,
    note: Note = "",
    files: Files = None,
    expires: Expires = None,
    key: signing.Key = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Say that items are done that only a person can know, and sign it with your SSH key.

    The fields of an item are shown by `pointsctl check show ID`. Several items can be signed for at once when none of them
    asks for fields. What is signed is shown before it is; it counts while the item stays as it is in the checklist, for as
    long as its `valid_for` says.

    Example: pointsctl attest monitoring.on-call --env production --field primary=Ada --field secondary=Grace

    Exit codes: 0 recorded; 2 usage or checklist, a field that is missing or not of its type; 4 could not look or sign; 5
    refused: a key without a say, another environment's ledger, no policy; 130 interrupted.
    """
    from pointsctl.cli.session import find_environment, load
    from pointsctl.workflow.attest import Request
    from pointsctl.workflow.attest import attest as attest_items
    from pointsctl.workflow.open_ledger import open_ledger

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    request = Request(
        environment=name,
        patterns=ids,
        fields=_given(fields or []),
        note=note,
        files=files or [],
        valid_for=_duration(expires),
        means=signing.signing_means(key),
    )
    with open_ledger(name, found) as ledger:
        done = attest_items(loaded, ledger, request, lambda saying: _announce(saying, name))
    _print(done, name, as_json=as_json)
    return 0


def _given(fields: list[str]) -> dict[str, str]:
    from pointsctl.errors import UsageError
    from pointsctl.model.problems import shown

    given: dict[str, str] = {}
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals or name in given:
            why = "is given twice" if name in given else "is no NAME=VALUE"
            raise UsageError(f"--field {shown(text)} {why}", hint="write each field once, as --field NAME=VALUE")
        given[name] = value
    return given


def _duration(text: str | None) -> Any:
    from pointsctl.errors import UsageError
    from pointsctl.model.duration import parse_duration
    from pointsctl.model.problems import shown

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--expires {shown(text)}: {error}", hint="leave it out to use the item's valid_for") from None


def _announce(saying: Saying, environment: str) -> None:
    """Tell on stderr what is about to be signed."""
    from pointsctl.model.escape import plain

    lines = [f"{saying.principal} signs for {environment}:"]
    lines += [f"  {item.id}: {item.title}" for item in saying.items]
    lines += [f"    {name}: {value}" for name, value in saying.fields.items()]
    lines += [f"  note: {saying.note}"] if saying.note else []
    lines += [f"  evidence: {one.name} ({one.size:,} bytes, sha256 {one.sha256})" for one in saying.files]
    sys.stderr.writelines(f"{plain(line)}\n" for line in lines)


def _print(done: Attested, environment: str, *, as_json: bool) -> None:

    record, saying = done.record, done.saying
    signing.print_recorded(
        record,
        {
            "schema": SCHEMA,
            "environment": environment,
            "principal": saying.principal,
            "fingerprint": done.fingerprint,
            "items": [item.id for item in saying.items],
            "fields": dict(saying.fields),
            "note": saying.note,
            "evidence": [one.model_dump(mode="json") for one in saying.files],
        },
        as_json=as_json,
    )
