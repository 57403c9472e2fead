"""Brings the sandbox up and down, says how it is, and puts it back to its first state."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import CouldNotLookError, RefusedError, StorageError
from pointsctl.files import write_private
from pointsctl.function_platforms.folder import DATABASE_FILE
from pointsctl.sandbox import databases
from pointsctl.sandbox.environments import SandboxEnvironment, environments
from pointsctl.sandbox.layout import Layout
from pointsctl.sandbox.service_process import answers, running_service, start_service, stop_service
from pointsctl.sandbox.state import DATABASES, read_or_make_state, read_state

NOT_RUNNING_HINT = "`pointsctl sandbox up` starts it"


@dataclass(frozen=True)
class SandboxStatus:
    """How the sandbox is: `environments` is empty unless its server and its service both run."""

    directory: Path
    server_running: bool
    service_running: bool
    environments: tuple[SandboxEnvironment, ...] = ()

    @property
    def running(self) -> bool:
        """Whether everything runs."""
        return bool(self.environments)

    def document(self) -> dict[str, str | bool | None]:
        """Return the JSON document `pointsctl/sandbox/v1`; addresses are null while it does not run."""
        production, staging = self.environments or (None, None)
        return {
            "schema": "pointsctl/sandbox/v1",
            "running": self.running,
            "database_url": production.database_url if production else None,
            "staging_database_url": staging.database_url if staging else None,
            "functions_url": production.functions_url if production else None,
            "store": Layout(self.directory).store.as_uri(),
            "directory": str(self.directory),
        }


def up(directory: Path) -> SandboxStatus:
    """Start what does not run, make what is missing, and return the status. Safe to call again, and after a kill.

    Raises StorageError (directory), RefusedError (another command is at it), ToolMissingError (no wheel) and the errors of
    starting a server.
    """
    layout = Layout(directory.absolute())
    layout.make()
    with layout.exclusive():
        state = read_or_make_state(layout)
        _ensure_databases(layout)
        _ensure_platforms(layout)
        start_service(layout, state.instance)
    return status(directory)


def down(directory: Path, *, purge: bool = False) -> SandboxStatus:
    """Stop everything; with `purge`, delete the data too. Does nothing where there is no sandbox."""
    layout = Layout(directory.absolute())
    if layout.root.is_dir() and any(layout.root.iterdir()):
        if not layout.lock_file.exists():
            raise RefusedError(
                f"{layout.root} is not empty and is no sandbox", hint="check POINTSCTL_SANDBOX_DIR; nothing was touched"
            )
        with layout.exclusive():
            stop_service(layout)
            cluster = databases.sandbox_cluster(layout)
            cluster.destroy() if purge else cluster.stop()
            if purge:
                _delete(layout)
    return status(directory)


def reset(directory: Path) -> SandboxStatus:
    """Replace both databases by fresh ones, which mends every planted fault, empty the store, and start what does not run."""
    layout = Layout(directory.absolute())
    if read_state(layout) is None:
        return up(directory)
    with layout.exclusive():
        state = read_or_make_state(layout)
        stop_service(layout)
        cluster = databases.sandbox_cluster(layout)
        cluster.start()
        databases.prepare_roles(cluster)
        for name in DATABASES.values():
            databases.create_points_database(cluster, name, with_history=True)
        # What they hold speaks of databases that are gone.
        for folder in (layout.store, layout.root / "functions"):
            shutil.rmtree(folder, ignore_errors=True)
        layout.make()
        _ensure_platforms(layout)
        start_service(layout, state.instance)
    return status(directory)


def status(directory: Path) -> SandboxStatus:
    """Look whether the server and the service run, by identity; changes nothing."""
    layout = Layout(directory.absolute())
    state = read_state(layout)
    server = databases.sandbox_cluster(layout).is_running()
    running = running_service(layout)
    note = running[0] if running else None
    served = state is not None and note is not None and answers(note, state.instance)
    if state is None or note is None or not (server and served):
        return SandboxStatus(layout.root, server_running=server, service_running=running is not None)
    return SandboxStatus(layout.root, True, True, environments(layout, state, note.address))


def running_environment(directory: Path, name: str) -> SandboxEnvironment:
    """Return the environment `name` of the running sandbox. Raises CouldNotLookError when it does not run."""
    for environment in status(directory).environments:
        if environment.name == name:
            return environment
    raise CouldNotLookError(f"the sandbox in {directory} does not run", hint=NOT_RUNNING_HINT)


def _ensure_databases(layout: Layout) -> None:
    cluster = databases.sandbox_cluster(layout)
    cluster.start()
    databases.prepare_roles(cluster)
    for name in DATABASES.values():
        databases.ensure_points_database(cluster, name)


def _ensure_platforms(layout: Layout) -> None:
    """A folder for the functions of each environment, which knows the database that they work with."""
    cluster = databases.sandbox_cluster(layout)
    for environment, database in DATABASES.items():
        folder = layout.functions(environment)
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(folder / DATABASE_FILE, cluster.url(database, databases.OWNER))


def _delete(layout: Layout) -> None:
    """Delete everything but the lock: a command that waits for it must not end up holding another file than the next one."""
    try:
        for path in layout.root.iterdir():
            if path.name == layout.lock_file.name:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise StorageError(f"cannot delete {layout.root}: {error}") from error
