"""`pointsctl migrate`: one history with the project's migration tool: what is applied, what would be, and the real thing."""

from __future__ import annotations

import typer

from pointsctl.cli import (
    migrate_apply,
    migrate_lint,
    migrate_plan,
    migrate_rehearse,
    migrate_repair,
    migrate_status,
    migrate_verify,
)

app = typer.Typer(
    help="Migrations that are rehearsed on the proven copy: status, lint, plan, rehearse, apply, verify, repair.",
    rich_markup_mode=None,
)

app.command("status")(migrate_status.status)
app.command("lint")(migrate_lint.lint)
app.command("plan")(migrate_plan.plan)
app.command("rehearse")(migrate_rehearse.rehearse)
app.command("apply")(migrate_apply.apply)
app.command("verify")(migrate_verify.verify)
app.command("repair")(migrate_repair.repair)
