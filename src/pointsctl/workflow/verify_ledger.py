"""Use case: verify a ledger in its database, together with its anchors, or an exported one in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import ContextMissingError, ExitCode
from pointsctl.ledger.condition import Condition
from pointsctl.ledger.damage import Damage
from pointsctl.ledger.hash_index import HashIndex
from pointsctl.ledger.heads import NotedHead
from pointsctl.ledger.installation import require_ready
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.signed_records import RevokedSince
from pointsctl.ledger.store import Ledger
from pointsctl.ledger.verification import DatabaseSource, FileSource, Progress, Verification
from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import Head
from pointsctl.workflow.compare_anchors import Anchors, Compared
from pointsctl.workflow.open_ledger import require_pin


@dataclass(frozen=True)
class Request:
    """What is asked for. `since`: the head that was verified before; `heads`: heads that must be in the chain; `variables`: the
    process environment, of which only PATH is used.
    """

    since: Head
    heads: Sequence[Head]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Verified:
    """What was looked at and found. `damages` are the first ones, `more` how many there are beyond them; `table` what is not
    as it was installed; `fixed` the last record that a signature or an anchor fixes.
    """

    records: int
    since: Head
    head: Head
    damages: tuple[Damage, ...]
    more: int
    table: tuple[str, ...]
    signatures: int
    revoked: tuple[RevokedSince, ...]
    anchors: Compared
    fixed: int

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damages and not self.table

    @property
    def exit_code(self) -> ExitCode:
        """0 for a whole ledger, 1 for a damaged one."""
        return ExitCode.DONE if self.whole else ExitCode.BAD


def verify_database(name: str, environment: Environment, store: str, request: Request, progress: Progress) -> Verified:
    """Verify the ledger of an environment, and compare it with the anchors in `store` (a URL, or empty).

    1. There is a ledger, and all of it can be seen. 2. Every record. 3. The heads that were signed, given, anchored.
    4. A whole ledger must be the one of this environment. Raises ContextMissingError (no ledger), PermissionMissingError,
    RefusedError (foreign or newer; of another environment or database), CouldNotLookError (anchors that cannot be read), and
    what connecting raises.
    """
    with Ledger(environment.database_url) as ledger, SignatureChecker(request.variables) as checker:
        table = _table(ledger, name)
        anchors = Anchors(store, name)
        walk = Verification(DatabaseSource(ledger), checker, request.since)
        walk.walk(progress)
        compared = anchors.compare(walk.signed.anchored, walk.signed.in_force_at, checker)
        verified = _verified(walk, request, compared, table)
        if verified.whole:
            require_pin(ledger, name)
        return verified


def verify_file(path: Path, request: Request, progress: Progress) -> Verified:
    """Verify an exported ledger; no database and no store is asked. Raises StorageError when it cannot be read."""
    with HashIndex() as index, SignatureChecker(request.variables) as checker:
        walk = Verification(FileSource(path, index), checker, request.since)
        walk.walk(progress)
        return _verified(walk, request, Compared(None, note="this is a file"), ())


def _table(ledger: Ledger, name: str) -> tuple[str, ...]:
    """What is not as it was installed: whoever changed that could change records as well."""
    state = ledger.state()
    if state.condition is Condition.NONE:
        hint = f"install it with `pointsctl init --env {name}`"
        raise ContextMissingError(f"environment {name!r} has no ledger", hint=hint)
    if state.condition is not Condition.DAMAGED:
        require_ready(state)
    ledger.require_all_visible()
    return tuple(map(str, state.differences))


def _verified(walk: Verification, request: Request, compared: Compared, table: tuple[str, ...]) -> Verified:
    given = [NotedHead(head, "the head that was given") for head in request.heads]
    walk.compare([*given, *compared.heads])
    for damage in compared.damages:
        walk.damages.add(damage)
    known = [one.head.seq for one in (*walk.signed.noted, *given, *compared.heads)]
    return Verified(
        records=walk.records,
        since=request.since,
        head=walk.head,
        damages=tuple(walk.damages),
        more=walk.damages.more,
        table=table,
        signatures=walk.signed.valid,
        revoked=tuple(walk.signed.revoked_since()),
        anchors=compared,
        fixed=max((seq for seq in known if seq <= walk.head.seq), default=0),
    )
