"""`pointsctl ledger`: the records of an environment: listed, shown, verified, exported, anchored."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options
from pointsctl.cli.session import find_environment, load
from pointsctl.cli.signing import Key, signing_means

if TYPE_CHECKING:
    from pointsctl.ledger.store import Ledger

app = typer.Typer(help="The records of what was done: list, show, verify, export, anchor.", rich_markup_mode=None)

Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="Only this kind (`plan.created`), or a group (`plan`); repeatable."),
]
Item = Annotated[str | None, typer.Option("--item", metavar="ID", help="Only records about this item.")]
After = Annotated[int, typer.Option("--since", metavar="SEQ", min=0, help="Only records after this one.")]
Limit = Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=100_000, help="How many at the most.")]


@contextmanager
def opened(checklist: Path | None, environment: str | None) -> Iterator[Ledger]:
    """The ledger of the environment, for commands that look at records; it may be damaged."""
    from pointsctl.workflow.open_ledger import open_ledger

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    with open_ledger(name, found, damaged_too=True) as ledger:
        yield ledger


@app.command("log")
def log(
    kinds: Kinds = None,
    item: Item = None,
    since: After = 0,
    limit: Limit = 50,
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """List the last records, the newest last. Nothing about them is checked here; `ledger verify` does that.

    Example: pointsctl ledger log --env production --kind plan --limit 20

    Exit codes: 0 listed; 2 usage or checklist; 4 could not look; 5 the ledger of another environment or database.
    """
    from pointsctl.cli.ledger_tables import record_list
    from pointsctl.workflow.read_ledger import known_kinds, last_records

    wanted = known_kinds(kinds) if kinds else None
    with opened(checklist, environment) as ledger:
        records = last_records(ledger, limit, kinds=wanted, item=item, after=since)
    record_list(records, as_json=as_json)
    return 0


@app.command("show")
def show(
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The record's number.")],
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Show one record in full, and the commands with which anybody checks it without this program.

    Example: pointsctl ledger show 7 --env production

    Exit codes: 0 shown; 2 usage or checklist, no such record; 4 could not look; 5 the ledger of another environment or
    database.
    """
    from pointsctl.cli.ledger_tables import record_page
    from pointsctl.workflow.read_ledger import commands_for, one_record

    with opened(checklist, environment) as ledger:
        found = one_record(ledger, seq)
        commands = commands_for(ledger, found, os.environ)
    record_page(found, commands, as_json=as_json)
    return 0


@app.command("export")
def export(
    output: options.Output = None,
    environment: options.EnvironmentName = None,
    checklist: options.ChecklistPath = None,
) -> int:
    """Write every record as JSON Lines, which `ledger verify --file` checks without a database. The head goes to stderr.

    Example: pointsctl ledger export --env production --output ledger.jsonl

    Exit codes: 0 written; 2 usage or checklist; 4 could not look, or the file cannot be written; 5 the ledger of another
    environment or database.
    """
    from pointsctl.cli.ledger_tables import head_text
    from pointsctl.cli.output import check_output
    from pointsctl.files import write_private_parts
    from pointsctl.workflow.export_ledger import Export

    check_output(output)
    with opened(checklist, environment) as ledger:
        exported = Export(ledger)
        if output is None:
            sys.stdout.writelines(exported.lines())
        else:
            write_private_parts(output, exported.lines())
    sys.stderr.write(f"{exported.records:,} records, head {head_text(exported.head)}\n")
    return 0


@app.command("verify")
def verify(
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="SEQ:HASH", help="Go on after this head, which was verified before."),
    ] = None,
    heads: Annotated[
        list[str] | None, typer.Option("--head", metavar="SEQ:HASH", help="A head that must be in it; repeatable.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="PATH", help="An exported ledger, instead of a database.")
    ] = None,
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Verify every record, link and signature, and compare with every anchor in the checklist's `backup.store`.

    Names what was altered, removed, reordered, inserted or cut off. Prints the head: note it elsewhere, as with
    `ledger anchor`, and give it to the next `--since` or `--head`.

    Example: pointsctl ledger verify --env production

    Example: pointsctl ledger verify --file ledger.jsonl

    Exit codes: 0 whole; 1 damaged; 2 usage or checklist; 4 could not look; 5 the ledger of another environment or
    database.
    """
    from contextlib import closing

    from pointsctl.cli.counting import Counting
    from pointsctl.cli.ledger_verdict import show as show_verdict
    from pointsctl.model.ledger import EMPTY
    from pointsctl.workflow.read_ledger import read_head
    from pointsctl.workflow.verify_ledger import Request, verify_database, verify_file

    given = tuple(read_head(head) for head in heads or ())
    request = Request(read_head(since) if since is not None else EMPTY, given, dict(os.environ))
    with closing(Counting(sys.stderr, ci=bool(os.environ.get("CI")))) as counting:
        if file is not None:
            place, verified = {"file": str(file)}, verify_file(file, request, counting)
        else:
            loaded = load(checklist)
            name, found = find_environment(loaded, environment)
            place = {"environment": name}
            verified = verify_database(name, found, loaded.checklist.store_of(found), request, counting)
    show_verdict(verified, place, as_json=as_json)
    return int(verified.exit_code)


@app.command("anchor")
def anchor(
    key: Key = None,
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Sign the ledger's head and keep it in `backup.store`, where `ledger verify` finds it.

    Whoever may rewrite the ledger must not be able to write there. Nothing in the store is ever overwritten.

    Example: pointsctl ledger anchor --env production --key ~/.ssh/id_ed25519

    Exit codes: 0 anchored; 2 usage or checklist; 4 could not look, or the store cannot be written; 5 refused: no policy in
    force, a key that is nobody's, the ledger of another environment or database, a damaged ledger.
    """
    from pointsctl.cli.ledger_tables import anchored
    from pointsctl.workflow.anchor_ledger import anchor_ledger
    from pointsctl.workflow.open_ledger import open_ledger
    from pointsctl.workflow.open_store import open_store

    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    store = open_store(loaded.checklist.store_of(found))
    with open_ledger(name, found) as ledger:
        done = anchor_ledger(ledger, name, store, signing_means(key))
    anchored(done, as_json=as_json)
    return 0
