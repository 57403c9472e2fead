"""`pointsctl waive`: somebody who may signs for going on without an item, for a reason and until a time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options, signing

if TYPE_CHECKING:
    from pointsctl.workflow.waive import Going, WaivedItem

SCHEMA = "pointsctl/waived/v1"

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is right to go on without it.")]
Until = Annotated[
    str, typer.Option("--until", metavar="WHEN", help="A date, a time with its zone, or a duration; 30d at most.")
]


def waive(
    item_id: Annotated[str, typer.Argument(metavar="ID", help="The item's id.")],
    reason: Reason,
    until: Until,
    environment: options.EnvironmentName = None,
    key: signing.Key = None,
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Sign for going on without an item that failed or waits, until a time that you name.

    A waived item is counted and shown as such in every report, with your name and reason. What could not be looked at, and
    items that are not `waivable`, cannot be waived; a waiver counts no longer than 30 days, and not after the item changes.

    Example: pointsctl waive staging.load-cpu --env production --until 48h --reason "measured by hand, see the chart"

    Exit codes: 0 recorded; 2 usage or checklist; 4 could not look or sign; 5 refused: not waivable, nothing to waive, a key
    without a say, no confirmation, another environment's ledger; 130 interrupted.
    """
    from pointsctl.cli.confirm import confirm_environment
    from pointsctl.cli.session import find_environment, load
    from pointsctl.workflow.open_ledger import open_ledger
    from pointsctl.workflow.waive import Request
    from pointsctl.workflow.waive import waive as waive_item

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    request = Request(name, item_id, reason, until, signing.signing_means(key))

    def consent(going: Going) -> None:
        _announce(going, name)
        confirm_environment(name, found.protected, confirm)

    with open_ledger(name, found) as ledger:
        done = waive_item(loaded, ledger, request, consent)
    _print(done, name, as_json=as_json)
    return 0


def _announce(going: Going, environment: str) -> None:
    """Tell on stderr what is about to be signed."""
    from pointsctl.model.canonical import utc_text
    from pointsctl.model.escape import plain

    lines = (
        f"{going.principal} signs for going on in {environment} without",
        f"  {going.item.id}: {going.item.title} ({going.item.severity.value})",
        f"  seen: {going.seen}",
        f"  until {utc_text(going.until)}, because: {going.reason}",
    )
    sys.stderr.writelines(f"{plain(line)}\n" for line in lines)


def _print(done: WaivedItem, environment: str, *, as_json: bool) -> None:
    from pointsctl.model.canonical import utc_text

    record, going = done.record, done.going
    signing.print_recorded(
        record,
        {
            "schema": SCHEMA,
            "environment": environment,
            "principal": going.principal,
            "fingerprint": done.fingerprint,
            "item": going.item.id,
            "reason": going.reason,
            "until": utc_text(going.until),
        },
        as_json=as_json,
    )
