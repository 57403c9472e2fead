"""`pointsctl functions`: the edge functions through their platform: deploy, delete, list, probe, watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options

if TYPE_CHECKING:
    from pointsctl.model.cancellation import Cancellation
    from pointsctl.model.deployed_function import DeployedFunction
    from pointsctl.workflow.watch_logs import Pause

app = typer.Typer(help="Edge functions: deploy, delete, list, probe, watch.", rich_markup_mode=None)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME...]", help="The functions; default: all of the checklist.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The function, as the platform calls it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Delete it unasked; a protected environment needs --confirm.")]


@app.command("deploy")
def deploy(
    names: Names = None,
    environment: options.EnvironmentName = None,
    project: options.Project = None,
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Deploy functions: the bytes of the plan in force, to the project that works with this very database.

    What is deployed until then is kept in the store. A private copy of the files is deployed; then the platform must list a
    newer version that is active, and what it gives back must be what was sent. What runs already is left alone. Recorded as
    `function.deployed`. A protected environment needs the open gate of its plan, and its name typed.

    Example: pointsctl functions deploy --env production

    Exit codes: 0 deployed, or deployed before; 1 the platform does not run what was sent; 2 usage or checklist, no token;
    4 could not look, save, deploy or record; 5 refused: the gate is closed, another database's project, other files than
    planned, a deployment going on, no confirmation; 130 interrupted.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.confirm import confirm_environment
    from pointsctl.cli.functions_tables import print_deployed
    from pointsctl.workflow.deploy_functions import FunctionsWanted
    from pointsctl.workflow.functions_alone import deploy_functions_alone

    with work(checklist, environment, None, None) as (request, cancellation, progress):

        def consent() -> None:
            confirm_environment(request.name, request.environment.protected, confirm)

        wanted = FunctionsWanted(tuple(names or ()), project)
        done = deploy_functions_alone(request, wanted, consent, cancellation, progress)
    print_deployed(done, request.name, as_json=as_json)
    return 0


@app.command("delete")
def delete(
    name: Name,
    environment: options.EnvironmentName = None,
    project: options.Project = None,
    yes: Yes = False,
    confirm: options.Confirm = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Delete one function from the platform; what was deployed is kept in the store. Recorded as `function.deleted`.

    Example: pointsctl functions delete redeem-coupon --env production

    Exit codes: 0 deleted; 1 the platform still has it; 2 usage or checklist, no token; 4 there is no such function, or could
    not look, save, delete or record; 5 refused: another database's project, a deployment going on, no confirmation;
    130 interrupted.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.confirm import confirm_environment, confirm_yes
    from pointsctl.cli.functions_tables import announce_deletion, print_deletion
    from pointsctl.workflow.delete_function import delete_function

    with work(checklist, environment, None, None) as (request, cancellation, _):
        protected = request.environment.protected

        def consent(one: DeployedFunction) -> None:
            announce_deletion(one, request.name)
            confirm_environment(request.name, protected, confirm)
            if not protected:
                confirm_yes("Delete it?", given=yes or confirm is not None)

        done = delete_function(request, name, project, consent, cancellation)
    print_deletion(done, request.name, as_json=as_json)
    return 0


@app.command("list")
def list_(
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """List the functions: what the platform runs, and whether pointsctl deployed it.

    Example: pointsctl functions list --env production

    Exit codes: 0 listed; 2 usage or checklist, no token; 4 could not look; 5 refused: two environments with one project.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.functions_tables import print_list
    from pointsctl.workflow.list_functions import list_functions

    with work(checklist, environment, None, None) as (request, cancellation, _):
        found = list_functions(request, cancellation)
    print_list(found, request.name, as_json=as_json)
    return 0


@app.command("probe")
def probe(
    names: Names = None,
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Ask each function at its address: refuses a caller without a token, answers a browser's OPTIONS, is healthy and in time.

    Nothing is changed. The addresses are below the environment's `functions_url`; the health path and the slowest answer
    that is good are in the checklist's `functions`.

    Example: pointsctl functions probe --env production

    Exit codes: 0 every answer was good; 1 one was not; 2 usage or checklist; 4 one could not be reached; 130 interrupted.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.functions_tables import print_probes
    from pointsctl.workflow.probe_functions import probe_functions

    with work(checklist, environment, None, "stopped before every function was asked") as (
        request,
        cancellation,
        progress,
    ):
        probed = probe_functions(request, tuple(names or ()), cancellation, progress)
    print_probes(probed, request.name, as_json=as_json)
    return int(probed.exit_code)


@app.command("watch")
def watch(
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Watch the functions' logs for `functions.watch_logs_for` after their deployment, and record what they showed.

    Begins with the newest deployment that the ledger knows, so that a watch that was interrupted is made up for. Recorded as
    `function.watched`. Where the platform's logs cannot be read, nothing is recorded.

    Example: pointsctl functions watch --env production

    Exit codes: 0 no error; 1 errors in the logs; 2 usage or checklist, no token; 4 could not look or record; 5 refused;
    130 interrupted.
    """
    from pointsctl.cli.backup import work
    from pointsctl.cli.functions_tables import print_watched
    from pointsctl.workflow.watch_logs import watch_logs

    with work(checklist, environment, None, None) as (request, cancellation, progress):
        watched = watch_logs(request, _pause(cancellation), cancellation, progress)
    print_watched(watched, request.name, as_json=as_json)
    return int(watched.exit_code)


def _pause(cancellation: Cancellation) -> Pause:
    """A wait that a request to stop ends."""
    import threading

    def pause(seconds: float) -> None:
        stopped = threading.Event()
        with cancellation.callback(stopped.set):
            stopped.wait(seconds)

    return pause
