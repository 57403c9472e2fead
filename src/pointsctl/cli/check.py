"""`pointsctl check`: the items of the checklist: listed, one in full, one executed."""

from __future__ import annotations

import typer

from pointsctl.cli import options

app = typer.Typer(help="The items of the checklist: list them, show one, execute one.", rich_markup_mode=None)


@app.command("list")
def list_items(
    only: options.Only = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """List every item with its kind and how it is executed.

    Example: pointsctl check list --only 'security.*'

    Exit codes: 0 listed; 2 usage or checklist.
    """
    from pointsctl.cli.session import load, redactor_for
    from pointsctl.cli.tables import item_list
    from pointsctl.model.selection import select

    loaded = load(checklist)
    items = select(loaded.checklist, {}, only=only or []).items if only else tuple(loaded.checklist.walk())
    item_list(loaded, items, redactor_for(loaded), as_json=as_json)
    return 0


@app.command("show")
def show(
    item_id: str = typer.Argument(..., metavar="ID"),
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Show one item in full: why it is there, what executes it, what it needs, what is to be filled in.

    Example: pointsctl check show security.rls-enabled

    Exit codes: 0 shown; 2 usage or checklist.
    """
    from pointsctl.cli.session import load, redactor_for
    from pointsctl.cli.tables import item_page
    from pointsctl.workflow.find_item import find_item

    loaded = load(checklist)
    item_page(loaded, find_item(loaded.checklist, item_id), redactor_for(loaded), as_json=as_json)
    return 0


@app.command("run")
def run_item(
    item_id: str = typer.Argument(..., metavar="ID", help="An item's id, or a glob of ids."),
    environment: options.EnvironmentName = None,
    format_name: options.Format = "text",
    as_json: options.Json = False,
    output: options.Output = None,
    jobs: options.Jobs = 4,
    verbose: options.Verbose = False,
    sample: options.Sample = 20,
    no_record: options.NoRecord = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Execute one item, and the items that it needs.

    Example: pointsctl check run security.rls-enabled --env staging

    Exit codes: 0 satisfied; 1 failed; 2 usage or checklist; 3 waits; 4 could not look, or not
    record the run; 5 the ledger of another environment or database; 130 interrupted.
    """
    from pointsctl.cli.execute import execute

    return execute(
        environment=environment,
        phase=None,
        section=None,
        only=[item_id],
        format_name="json" if as_json else format_name,
        output=output,
        jobs=jobs,
        verbose=verbose,
        sample=sample,
        checklist=checklist,
        record=not no_record,
    )
