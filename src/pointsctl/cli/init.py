"""`pointsctl init`: writes a starter checklist; with `--env`, installs the ledger there and pins the environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options

if TYPE_CHECKING:
    from pointsctl.workflow.install_ledger import Installation

SCHEMA = "pointsctl/init/v1"


def init(
    directory: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Where to write; default: here. Not with --env.")
    ] = None,
    environment: Annotated[
        str | None,
        # Not from POINTSCTL_ENV: what writes two files in one shell must not install anything in another.
        typer.Option("--env", "-e", metavar="NAME", help="Install the ledger in this environment instead."),
    ] = None,
    confirm: options.Confirm = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take over a ledger that was copied from another environment.")
    ] = False,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Write checklist.yaml and, beside it, the JSON Schema that editors read. Never overwrites anything.

    With --env NAME: install or upgrade the ledger (public.migration_audit) in that environment's database, write down which
    environment and which database it is, and pin the approval policy in the checklist's trust folder. All of it or nothing;
    what is there already is left alone.

    Example: pointsctl init

    Example: pointsctl init --env production --confirm production

    Exit codes: 0 written, installed, or nothing to do; 2 usage or checklist; 4 could not look, or the folder cannot be
    written; 5 refused: a file of that name exists, a foreign or damaged table, a ledger of another environment or database,
    no confirmation.
    """
    if environment is not None:
        if directory is not None:
            raise _usage("--env installs the ledger and writes no folder")
        return _install(environment, confirm, checklist, adopt=adopt, as_json=as_json)
    if confirm is not None or adopt or as_json:
        raise _usage("--confirm, --adopt and --json belong to --env")
    return _write(directory or Path())


def _usage(message: str) -> Exception:
    from pointsctl.errors import UsageError

    return UsageError(message, hint="pointsctl init FOLDER, or pointsctl init --env NAME")


def _write(directory: Path) -> int:
    from pointsctl.workflow.start_checklist import start_checklist

    for path in start_checklist(directory):
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(
        "next: name your environments at the top of checklist.yaml, set their variables,\n"
        "      then `pointsctl doctor` and `pointsctl preflight --env NAME`\n"
    )
    return 0


def _install(name: str, confirm: str | None, checklist: Path | None, *, adopt: bool, as_json: bool) -> int:
    from pointsctl import __version__
    from pointsctl.cli.confirm import confirm_environment
    from pointsctl.cli.operator import operator_name
    from pointsctl.cli.session import built_in_environments, load
    from pointsctl.workflow.install_ledger import Request, install_ledger

    loaded = load(checklist)
    request = Request(
        name=name,
        environment=built_in_environments(name).get(name) or loaded.environment(name),
        trust=loaded.directory / loaded.checklist.approvals.trust,
        tool=__version__,
        applied_by=operator_name(),
        adopt=adopt,
    )
    done = install_ledger(request, lambda wanted, protected: confirm_environment(wanted, protected, confirm))
    if as_json:
        from pointsctl.cli.tables import print_json

        print_json(_document(done))
    else:
        sys.stdout.write(_text(done, name))
    return 0


def _text(done: Installation, name: str) -> str:
    from pointsctl.model.escape import plain

    lines = [*done.done] or [f"nothing to do: {name} has its ledger and its pin"]
    lines.append(f"head {done.head.seq}:{done.head.hash}")
    lines += [f"{'ok' if one.in_place else 'no'}  {one.name}: {one.detail}" for one in done.protections]
    if done.policy is None:
        lines.append(
            f"next: approvals need a policy; `pointsctl trust init`, then `pointsctl trust update --env {name}`"
        )
    return "".join(f"{plain(line)}\n" for line in lines)


def _document(done: Installation) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "environment": done.pin.name,
        "done": done.done,
        "pin": done.pin.model_dump(mode="json"),
        "policy": done.policy,
        "protections": [{"name": one.name, "in_place": one.in_place, "detail": one.detail} for one in done.protections],
        "head": {"seq": done.head.seq, "hash": done.head.hash},
    }
