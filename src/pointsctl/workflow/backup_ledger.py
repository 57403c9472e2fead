"""Use case: what an environment's ledger says of its backups, where it has a ledger, and what is added to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pointsctl.errors import ContextMissingError, DatabaseMissingError, PointsctlError, ServerUnreachableError
from pointsctl.ledger.condition import Condition
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.configuration import Environment
from pointsctl.model.history import History
from pointsctl.model.ledger import Head, Record
from pointsctl.workflow.open_ledger import open_ledger


@dataclass(frozen=True)
class BackupLedger:
    """The ledger of the environment `name` as it was read. `history` is None where there is none, and `why` says why."""

    name: str
    environment: Environment
    history: History | None
    why: str = ""

    def record(self, append: Callable[[Ledger], Record]) -> Recorded:
        """Append with `append`. The ledger is opened anew: a connection that was idle for hours may be gone.

        What cannot be recorded is told and not raised: what was done stays done.
        """
        if self.history is None:
            return Recorded(None, self.why)
        try:
            with open_ledger(self.name, self.environment) as ledger:
                return Recorded(append(ledger).head, "")
        except PointsctlError as error:
            return Recorded(None, f"{error.message}; {error.hint}".rstrip("; "), error)


@dataclass(frozen=True)
class Recorded:
    """Where something was recorded. `head` is None when it was not, and `why` says why; `failure` is set where it should
    have been.
    """

    head: Head | None
    why: str
    failure: PointsctlError | None = None


def backup_ledger(name: str, environment: Environment, variables: Mapping[str, str]) -> BackupLedger:
    """Read the ledger of the environment `name`; one that was never installed is no error.

    Raises RefusedError for a ledger of another environment or database, or a damaged one, and what connecting raises.
    """
    with Ledger(environment.database_url) as looked_at:
        condition = looked_at.state().condition
    if condition is Condition.FOREIGN:
        return BackupLedger(name, environment, None, f"environment {name!r} has no ledger, but a table of its name")
    try:
        with open_ledger(name, environment) as ledger:
            return BackupLedger(name, environment, read_history(ledger, variables))
    except ContextMissingError as error:
        return BackupLedger(name, environment, None, f"{error.message}; {error.hint}")


def ledger_if_wanted(
    name: str, environment: Environment, variables: Mapping[str, str], *, unrecorded: bool
) -> BackupLedger:
    """The same for work that can do without, and does when `unrecorded`: the server of the ledger may be what is lost."""
    if unrecorded:
        return without_ledger(name, environment)
    try:
        return backup_ledger(name, environment, variables)
    except (ServerUnreachableError, DatabaseMissingError) as error:
        error.hint = f"{error.hint}; when it is lost, --unrecorded does without its ledger".lstrip("; ")
        raise


def without_ledger(name: str, environment: Environment) -> BackupLedger:
    """For those who do without on purpose, since the server of the ledger may be what is lost."""
    return BackupLedger(name, environment, None, "the ledger was not asked (--unrecorded)")
