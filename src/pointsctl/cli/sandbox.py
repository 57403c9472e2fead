"""`pointsctl sandbox`: the embedded default, brought up, filled, broken and mended."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pointsctl.sandbox.environments import SandboxEnvironment
    from pointsctl.sandbox.lifecycle import SandboxStatus

app = typer.Typer(
    name="sandbox",
    help="A private PostgreSQL, an object store folder and a reference points service, to try everything on.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

_EXITS = "Exit codes: 0 done, 2 usage, 4 could not look or start, 5 another command is changing the sandbox."

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Database = Annotated[
    str, typer.Option("--database", metavar="NAME", help="The environment: sandbox or sandbox-staging.")
]


def sandbox_directory() -> Path:
    """Return where the sandbox is: POINTSCTL_SANDBOX_DIR, or a fixed place for root and one in the home for others."""
    named = os.environ.get("POINTSCTL_SANDBOX_DIR")
    if named:
        return Path(named).expanduser().absolute()
    if os.geteuid() == 0:
        # The server runs as another user then, and a home directory of root lets nobody else pass.
        return Path("/var/lib/pointsctl/sandbox")
    from platformdirs import user_state_path

    return user_state_path("pointsctl") / "sandbox"


@app.command(epilog=f"Example: pointsctl sandbox up. {_EXITS}")
def up(as_json: Json = False) -> None:
    """Start the sandbox, making what is missing; safe to call again."""
    from pointsctl.sandbox.lifecycle import up as bring_up

    _show(bring_up(sandbox_directory()), as_json=as_json)


@app.command(epilog=f"Example: pointsctl sandbox down --purge. {_EXITS}")
def down(
    purge: Annotated[bool, typer.Option("--purge", help="Delete the data as well.")] = False, as_json: Json = False
) -> None:
    """Stop the sandbox; its data stays unless --purge is given."""
    from pointsctl.sandbox.lifecycle import down as bring_down

    _show(bring_down(sandbox_directory(), purge=purge), as_json=as_json)


@app.command(epilog=f"Example: pointsctl sandbox status --json. {_EXITS}")
def status(as_json: Json = False) -> None:
    """Say whether the sandbox runs, and where."""
    from pointsctl.sandbox.lifecycle import status as look

    _show(look(sandbox_directory()), as_json=as_json)


@app.command(epilog=f"Example: pointsctl sandbox reset. {_EXITS}")
def reset(as_json: Json = False) -> None:
    """Replace both databases by fresh ones: every planted fault is gone, and all data with it."""
    from pointsctl.sandbox.lifecycle import reset as put_back

    _show(put_back(sandbox_directory()), as_json=as_json)


@app.command(name="break", epilog=f"Example: pointsctl sandbox break cache-drift. {_EXITS}")
def break_(
    fault: Annotated[str, typer.Argument(help="The fault; without it, all are listed.")] = "",
    database: Database = "sandbox",
    as_json: Json = False,
) -> None:
    """Plant one defect, to see it found."""
    from pointsctl.sandbox.faults import faults, find_fault, plant
    from pointsctl.sandbox.layout import Layout

    if not fault:
        _list_faults({each.name: each.title for each in faults().values()}, as_json=as_json)
        return
    chosen = find_fault(fault)
    environment = _environment(database)
    plant(Layout(sandbox_directory()), environment.name, chosen)
    document = {"fault": chosen.name, "title": chosen.title, "database": environment.name}
    _say("pointsctl/sandbox-fault/v1", document, f"planted {chosen.name} in {environment.name}", as_json=as_json)


@app.command(epilog=f"Example: pointsctl sandbox traffic --users 1000 --events 50000 --seed 1. {_EXITS}")
def traffic(
    users: Annotated[int, typer.Option(help="How many users.")] = 1000,
    events: Annotated[int, typer.Option(help="How many events, those that pay for coupons included.")] = 20_000,
    coupons: Annotated[int | None, typer.Option(help="How many coupons.  [default: a third of the users]")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows; another one adds other users.")] = 1,
    at: Annotated[
        datetime | None,
        typer.Option(
            help="The moment (UTC) up to which things happened.  [default: now]",
            formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"],
            show_default=False,
        ),
    ] = None,
    database: Database = "sandbox",
    as_json: Json = False,
) -> None:
    """Fill a database with made-up users, events and coupons."""
    from pointsctl.sandbox.traffic import make_traffic

    environment = _environment(database)
    moment = (at or datetime.now(UTC)).replace(tzinfo=UTC)
    report = make_traffic(environment, users=users, events=events, coupons=coupons, seed=seed, at=moment)
    document = {
        "database": environment.name,
        "events": report.events,
        "users": report.users,
        "coupons": report.coupons,
        "insights": report.insights,
        "seed": seed,
        "at": moment.isoformat().replace("+00:00", "Z"),
        "duration_ms": round(report.seconds * 1000),
    }
    text = (
        f"{report.events:,} events of {report.users:,} users and {report.coupons:,} coupons "
        f"in {environment.name}: {report.seconds:.1f} s"
    )
    _say("pointsctl/sandbox-traffic/v1", document, text, as_json=as_json)


def _environment(name: str) -> SandboxEnvironment:
    from pointsctl.errors import UsageError
    from pointsctl.sandbox.lifecycle import running_environment
    from pointsctl.sandbox.state import DATABASES

    if name not in DATABASES:
        raise UsageError(f"no database {name!r} in the sandbox, expected one of: {', '.join(DATABASES)}")
    return running_environment(sandbox_directory(), name)


def _say(schema: str, document: dict[str, Any], text: str, *, as_json: bool) -> None:
    typer.echo(json.dumps({"schema": schema, **document}) if as_json else text)


def _list_faults(titles: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        _say("pointsctl/sandbox-faults/v1", {"faults": titles}, "", as_json=True)
        return
    for name, title in titles.items():
        typer.echo(f"{name}\n    {title}")


def _show(state: SandboxStatus, *, as_json: bool) -> None:
    document = state.document()
    if as_json:
        typer.echo(json.dumps(document))
        return
    typer.echo("the sandbox runs" if state.running else _stopped(state))
    # One line a value and never cut: these lines are there to be copied.
    for name in ("database_url", "staging_database_url", "functions_url", "store", "directory"):
        if document[name] is not None:
            typer.echo(f"  {name.replace('_', ' ')}: {document[name]}")


def _stopped(state: SandboxStatus) -> str:
    if state.server_running or state.service_running:
        part, missing = (
            ("database server", "points service") if state.server_running else ("points service", "database server")
        )
        return f"the sandbox is half up: its {part} runs, its {missing} does not; `pointsctl sandbox up` mends it"
    return "the sandbox does not run; `pointsctl sandbox up` starts it"
