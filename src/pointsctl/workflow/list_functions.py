"""Use case: look at the functions: what the platform lists, and what the ledger knows of each."""

from __future__ import annotations

from dataclasses import dataclass

from pointsctl.model.cancellation import Cancellation
from pointsctl.model.function_state import KnownFunction, known_functions
from pointsctl.workflow.backup_ledger import backup_ledger
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.open_platform import open_platform


@dataclass(frozen=True)
class FunctionsListed:
    """Every function; `without_ledger` says why the ledger knows of none (empty where there is one)."""

    platform: str
    project: str
    functions: tuple[KnownFunction, ...]
    without_ledger: str


def list_functions(request: BackupRequest, cancellation: Cancellation) -> FunctionsListed:
    """What is deployed now. Raises what opening and asking the platform raise, and reading the ledger."""
    opened = open_platform(request)
    ledger = backup_ledger(request.name, request.environment, request.variables)
    recorded = ledger.history.functions if ledger.history else ()
    listed = opened.platform.list(cancellation)
    names = request.loaded.checklist.functions.names
    return FunctionsListed(
        opened.kind, opened.project, known_functions(names, listed, recorded, opened.project), ledger.why
    )
