"""Use case: what is known about a deployment: the ledger's history, the plan in force, and what changed since it was made."""

from __future__ import annotations

from collections.abc import Mapping

from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.deployment import Deployment
from pointsctl.model.history import History
from pointsctl.model.plan_changes import changes_of
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.plan_content import find_content


def read_deployment(
    loaded: Loaded,
    name: str,
    environment: Environment,
    ledger: Ledger,
    variables: Mapping[str, str],
    *,
    history: History | None = None,
) -> Deployment:
    """The deployment as it is now: the ledger is read and checked, then every file that the plan is about is read.

    `ledger` is the environment's, opened with `open_ledger`; `variables` is the process environment, for PATH;
    `history` is the ledger's, where it has been read already. The files are read anew at each call, the checklist's among them. Raises RefusedError (5) when the chain does not hold or the files are
    such that no plan can be made of them, StorageError when one cannot be read, and what connecting raises.
    """
    history = history or read_history(ledger, variables)
    plan, valid_for = history.plan, loaded.checklist.approvals.valid_for
    if plan is None:
        return Deployment(history, valid_for=valid_for)
    found = find_content(loaded, name, environment, ledger, history)
    changes = changes_of(plan.plan.content, found.values)
    return Deployment(history, plan, changes, valid_for, pending=found.pending, lines=found.lines)
