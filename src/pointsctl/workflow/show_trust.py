"""Use case: the approval policy in force, who may sign with which key, and how the folder beside the checklist differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pointsctl.errors import ExitCode
from pointsctl.ledger.reading import read_trust_history
from pointsctl.ledger.signatures import SignatureChecker
from pointsctl.ledger.store import Ledger
from pointsctl.model.policy import PolicyError, Trust
from pointsctl.model.policy_rules import check_trust
from pointsctl.model.trust_changes import changes
from pointsctl.workflow.load_trust import TrustFolderError, load_trust


@dataclass(frozen=True)
class Pending:
    """A policy that some have signed for: its digest, who did, and how many signatures each role still lacks."""

    digest: str
    signed: tuple[str, ...]
    missing: Mapping[str, int]


@dataclass(frozen=True)
class TrustShown:
    """The trust that is shown. `in_force` tells the ledger's, since record `since`, from the folder's.

    `folder` is the digest of the folder's trust, None when it cannot be used, which `folder_problem` explains. `changes` is
    what the folder would change; `oddities` what is odd about the trust that is shown.
    """

    trust: Trust
    in_force: bool
    since: int
    folder: str | None
    folder_problem: str
    changes: tuple[str, ...]
    oddities: tuple[str, ...]
    pending: tuple[Pending, ...]
    asked_ledger: bool

    @property
    def exit_code(self) -> ExitCode:
        """0 when the folder says what is in force (or only the folder was asked for)."""
        if self.folder_problem:
            return ExitCode.USAGE
        if self.asked_ledger and not self.in_force:
            return ExitCode.WAITING
        if not self.changes:
            return ExitCode.DONE
        return ExitCode.WAITING if any(one.digest == self.folder for one in self.pending) else ExitCode.BAD


def show_trust(folder: Path, ledger: Ledger | None, variables: Mapping[str, str]) -> TrustShown:
    """The trust in force in `ledger`; without one, or before a policy is pinned there, that of the folder.

    Raises TrustFolderError when it is the folder that would be shown and it cannot be used, and what reading the ledger
    raises.
    """
    local, problem = _folder(folder, variables)
    history = read_trust_history(ledger, variables) if ledger is not None else None
    in_force = history.trust if history is not None else None
    shown = in_force or local
    if shown is None:
        raise problem or AssertionError("a folder is usable, or it is said why not")
    pending: list[Pending] = []
    if history is not None and ledger is not None:
        now = ledger.now()
        pending = [
            Pending(digest, one.signed_at(now), history.missing(digest, now))
            for digest, one in history.proposals.items()
        ]
    return TrustShown(
        trust=shown,
        in_force=in_force is not None,
        since=history.since if history is not None else 0,
        folder=local.digest if local else None,
        folder_problem=problem.message if problem else "",
        changes=changes(shown, local) if local else (),
        oddities=check_trust(shown),
        pending=tuple(one for one in pending if one.signed),
        asked_ledger=ledger is not None,
    )


def _folder(folder: Path, variables: Mapping[str, str]) -> tuple[Trust | None, PolicyError | None]:
    try:
        trust = load_trust(folder)
        require_usable(trust, variables)
    except TrustFolderError as error:
        return None, error
    return trust, None


def require_usable(trust: Trust, variables: Mapping[str, str]) -> None:
    """Raises TrustFolderError when ssh-keygen could check no signature with the folder's trust."""
    with SignatureChecker(variables) as checker:
        try:
            checker.require_usable(trust)
        except PolicyError as error:
            raise TrustFolderError(error.message, hint=error.hint) from None
