"""The root of the command line: which commands there are."""

from __future__ import annotations

import typer

from pointsctl.cli import audit, check, demo, doctor, init, preflight, run, sandbox, verify

app = typer.Typer(
    name="pointsctl",
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
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and exit."),
) -> None:
    """Execute, refuse and prove a deployment checklist for PostgreSQL and Supabase."""


app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.command("preflight")(preflight.preflight)
app.command("run")(run.run)
app.command("verify")(verify.verify)
app.add_typer(check.app, name="check")
app.add_typer(audit.app, name="audit")
app.add_typer(sandbox.app, name="sandbox")
app.command("demo")(demo.demo)
