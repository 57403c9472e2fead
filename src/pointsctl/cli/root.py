"""The root of the command line: which commands there are."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from pointsctl.cli import (
    approvals,
    approve,
    attest,
    audit,
    backup,
    check,
    demo,
    deploy,
    doctor,
    evidence,
    functions,
    gate,
    init,
    ledger,
    migrate,
    plan,
    preflight,
    run,
    sandbox,
    trust,
    verify,
    waive,
)
from pointsctl.errors import InterruptedByOperatorError


class _Commands(TyperGroup):
    """The commands; whichever Ctrl-C ends says so."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. typer would leave with 130 and not a word, and nobody knew what became of the question."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise interrupted() from None


def interrupted() -> InterruptedByOperatorError:
    """What a command says that Ctrl-C ended."""
    return InterruptedByOperatorError("interrupted", hint="nothing is half done; run the command again")


app = typer.Typer(
    name="pointsctl",
    cls=_Commands,
    help="Execute, refuse and prove a deployment checklist for PostgreSQL and Supabase.",
    epilog="Start with `pointsctl demo`, or with `pointsctl init` and `pointsctl doctor` in your own project.",
    rich_markup_mode=None,  # plain help starts in a third of the time
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from pointsctl import __version__

        typer.echo(f"pointsctl {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Execute, refuse and prove a deployment checklist for PostgreSQL and Supabase."""


app.command("init", short_help="Write a starter checklist.yaml.")(init.init)
app.command("doctor", short_help="What is on this machine and reachable, with fixes.")(doctor.doctor)
app.command("preflight", short_help="May the deployment begin?")(preflight.preflight)
app.command("run", short_help="Look at any phase or section of the checklist.")(run.run)
app.command("verify", short_help="Does it hold after the deployment?")(verify.verify)
app.command("gate", short_help="May it go on? Decided from the ledger alone.")(gate.gate)
app.command("attest", short_help="A person says that an item is done, signed.")(attest.attest)
app.command("waive", short_help="Somebody signs for going on without an item.")(waive.waive)
app.command("approve", short_help="Approve or reject a plan with your SSH key.")(approve.approve)
app.add_typer(approvals.app, name="approvals", short_help="Who approved what: list, import, verify.")
app.add_typer(check.app, name="check", short_help="The items: list, show, run one.")
app.add_typer(audit.app, name="audit", short_help="The SQL audits: list, run.")
app.add_typer(backup.app, name="backup", short_help="Backups, proven by restoring them: create, verify.")
app.add_typer(migrate.app, name="migrate", short_help="Migrations: status, rehearsal, apply, verify.")
app.add_typer(functions.app, name="functions", short_help="Edge functions: deploy, list, probe, watch, delete.")
app.add_typer(ledger.app, name="ledger", short_help="The records: log, show, verify, export, anchor.")
app.add_typer(evidence.app, name="evidence", short_help="All that a ledger proves, as one file: export, verify.")
app.command("deploy", short_help="The deployment, step by step; --resume goes on.")(deploy.deploy)
app.add_typer(plan.app, name="plan", short_help="What is to be deployed, by digest: create, show, list.")
app.add_typer(trust.app, name="trust", short_help="The approval policy: show, update, start one.")
app.add_typer(sandbox.app, name="sandbox", short_help="A private PostgreSQL to try everything on.")
app.command("demo", short_help="The main job in a sandbox, narrated.")(demo.demo)
