"""Shows an approval policy and what became of its replacement, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json
from pointsctl.model.allowed_signers import Signer, parse_allowed_signers
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.model.revoked_keys import read_revoked_keys

if TYPE_CHECKING:
    from pointsctl.model.policy import Policy, Trust
    from pointsctl.workflow.show_trust import Pending, TrustShown
    from pointsctl.workflow.update_trust import Update, Updated

_SHORT = 12


def print_trust(shown: TrustShown, folder: Path, environment: str | None, *, as_json: bool) -> None:
    """The policy with its roles, keys and differences; as one document `pointsctl/trust/v1` on demand."""
    if as_json:
        print_json(_document(shown, environment))
        return
    out = console()
    out.print(plain(_title(shown, folder, environment)), style="bold")
    remarks = list(_remarks(shown, folder, environment))
    for lines in (_roles(shown.trust.policy), _keys(shown.trust), remarks):
        out.print()
        for line in lines:
            out.print(plain(line))


def announce(update: Update, environment: str) -> None:
    """Tell on stderr what is about to be done, before anybody confirms or signs it."""
    sys.stderr.writelines(f"{plain(line)}\n" for line in _announcement(update, environment))


def print_updated(done: Updated, environment: str, *, as_json: bool) -> None:
    """What was done, and who must still sign; as one document `pointsctl/trust-update/v1` on demand."""
    if as_json:
        print_json(_update_document(done, environment))
    else:
        sys.stdout.writelines(f"{plain(line)}\n" for line in _update_lines(done, environment))


def _title(shown: TrustShown, folder: Path, environment: str | None) -> str:
    digest = shown.trust.digest[:_SHORT]
    if shown.in_force:
        return f"policy {digest}, in force in {environment} since record {shown.since}"
    return f"policy {digest} in {folder}"


def _roles(policy: Policy) -> Iterator[str]:
    rights = {"signs waivers": policy.waivers, "replaces the policy": policy.updates}
    for name, role in policy.roles.items():
        also = "".join(f", {what}" for what, roles in rights.items() if name in roles)
        yield f"{name}: {role.threshold} of {len(role.principals)}{also}"
        yield from (f"  {principal}" for principal in role.principals)


def _keys(trust: Trust) -> Iterator[str]:
    revoked = read_revoked_keys(trust.revoked_keys)
    for signer in parse_allowed_signers(trust.allowed_signers):
        state = "revoked" if revoked.holds(signer.key) else _dates(signer)
        # On lines of their own, fingerprints can be compared and copied whole on any terminal of 53 columns.
        yield f"{signer.principal}: {signer.key_type}{', ' if state else ''}{state}"
        yield f"  {signer.fingerprint}"


def _dates(signer: Signer) -> str:
    after = f"from {utc_text(signer.valid_after)}" if signer.valid_after else ""
    before = f"until {utc_text(signer.valid_before)}" if signer.valid_before else ""
    return " ".join(part for part in (after, before) if part)


def _remarks(shown: TrustShown, folder: Path, environment: str | None) -> Iterator[str]:
    for oddity in shown.oddities:
        yield f"note: {oddity}"
    if shown.asked_ledger and not shown.in_force:
        yield f"no policy is in force in {environment}; pin this one: pointsctl trust update --env {environment}"
    if shown.folder_problem:
        yield f"the folder {folder} cannot be used: {shown.folder_problem}"
    if shown.changes:
        yield f"{folder} is policy {(shown.folder or '')[:_SHORT]}, which is not in force; it changes:"
        yield from (f"  {change}" for change in shown.changes)
        yield f"replace the policy with it: pointsctl trust update --env {environment}"
    for pending in shown.pending:
        yield _pending(pending)


def _pending(pending: Pending) -> str:
    signed = ", ".join(pending.signed)
    return f"policy {pending.digest[:_SHORT]} is signed by {signed}; missing: {_missing(pending.missing.items())}"


def _missing(roles: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} more of {role}" for role, count in roles)


def _announcement(update: Update, environment: str) -> Iterator[str]:
    digest = update.new.digest[:_SHORT]
    if update.old is None:
        yield f"no policy is in force in {environment}; {digest} will be the first: trusted on first use, signed by nobody."
        yield "Whoever holds these keys decides from then on. Compare the fingerprints with their owners:"
        for signer in parse_allowed_signers(update.new.allowed_signers):
            yield f"  {signer.fingerprint} {signer.principal}"
    else:
        yield f"policy {update.old.digest[:_SHORT]} of {environment} is to be replaced by {digest}, which changes:"
        yield from (f"  {change}" for change in update.changes)
        yield f"signing as {update.principal}"
    for oddity in update.oddities:
        yield f"note: {oddity}"


def _update_lines(done: Updated, environment: str) -> Iterator[str]:
    digest = done.update.new.digest[:_SHORT]
    if done.recorded is not None:
        yield f"recorded {done.recorded.seq}:{done.recorded.hash}"
    if not done.missing:
        yield f"policy {digest} is in force in {environment}"
        return
    yield f"policy {digest} waits for {_missing(done.missing.items())}"
    for role, people in done.candidates.items():
        yield f"  {role}: {' or '.join(people)}"
    yield f"each runs, with the same folder: pointsctl trust update --env {environment}"


def _document(shown: TrustShown, environment: str | None) -> dict[str, Any]:
    revoked = read_revoked_keys(shown.trust.revoked_keys)
    return {
        "schema": "pointsctl/trust/v1",
        "environment": environment,
        "in_force": shown.in_force,
        "since": shown.since or None,
        "digest": shown.trust.digest,
        "policy": shown.trust.policy.model_dump(mode="json"),
        "signers": [
            {
                "principal": one.principal,
                "key_type": one.key_type,
                "fingerprint": one.fingerprint,
                "valid_after": utc_text(one.valid_after) if one.valid_after else None,
                "valid_before": utc_text(one.valid_before) if one.valid_before else None,
                "revoked": revoked.holds(one.key),
            }
            for one in parse_allowed_signers(shown.trust.allowed_signers)
        ],
        "folder": {"digest": shown.folder, "problem": shown.folder_problem, "changes": list(shown.changes)},
        "notes": list(shown.oddities),
        "pending": [
            {"digest": one.digest, "signed": list(one.signed), "missing": dict(one.missing)} for one in shown.pending
        ],
    }


def _update_document(done: Updated, environment: str) -> dict[str, Any]:
    update = done.update
    return {
        "schema": "pointsctl/trust-update/v1",
        "environment": environment,
        "step": update.step.value,
        "principal": update.principal,
        "digest": update.new.digest,
        "changes": list(update.changes),
        "notes": list(update.oddities),
        "recorded": {"seq": done.recorded.seq, "hash": done.recorded.hash} if done.recorded else None,
        "in_force": not done.missing,
        "missing": dict(done.missing),
        "candidates": {role: list(people) for role, people in done.candidates.items()},
    }
