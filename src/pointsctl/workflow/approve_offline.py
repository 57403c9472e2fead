"""Use case: approve or reject a plan on a machine that reaches no database: a plan's file in, a signature's file out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pointsctl.errors import RefusedError, UsageError
from pointsctl.files import see, write_private
from pointsctl.model.approval_file import approval_file
from pointsctl.model.canonical import utc_text
from pointsctl.model.plan import Migration
from pointsctl.model.plan_file import PlanFile, read_plan_file
from pointsctl.model.standing import barred_from
from pointsctl.model.statement import ApprovalStatement, Decision, HeadName
from pointsctl.workflow.approve import require_comment
from pointsctl.workflow.cancellation import TimeLimit
from pointsctl.workflow.sign import Signed, SigningMeans, sign_bound, signer_for

CLOCK_SKEW = timedelta(minutes=5)
"""How far this machine's clock may be from the database's: so much earlier a decision says that it begins."""

_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """What is asked for: the plan's file, where the signature goes, the role (None for the only one that the signer can fill),
    what is decided and why, the means to sign, this machine's clock, and a folder with the planned migrations to compare
    (None to believe the plan).
    """

    plan_file: Path
    output: Path
    role: str | None
    decision: Decision
    comment: str
    means: SigningMeans
    now: datetime
    migrations: Path | None = None


@dataclass(frozen=True)
class Asked:
    """What is about to be signed; shown to the person before they confirm it."""

    file: PlanFile
    principal: str
    role: str
    request: Request


def approve_offline(request: Request, consent: Callable[[Asked], None]) -> Signed[ApprovalStatement]:
    """Sign, and write the signature's file; `consent` is called before anything is signed.

    What only the ledger knows (a newer plan, rejections, who else has signed) is asked when the file is imported. Raises
    UsageError (no such file, which role, no comment), PlanError (no plan's file), RefusedError (not the signer's role, their
    own plan, a plan that is over, a clock that is wrong, migrations that are not as planned), StorageError, what `consent`
    raises, and what signing raises.
    """
    require_comment(request.decision, request.comment)
    file = read_plan_file(_content(request.plan_file))
    begins = _begins(file, request.now)
    if request.now > file.plan.content.not_after and request.decision is Decision.APPROVE:
        until = utc_text(file.plan.content.not_after)
        raise RefusedError(f"plan {file.plan.short} could be deployed until {until}", hint="ask for a new plan")
    if request.migrations is not None:
        _compare(file.plan.content.migrations, request.migrations)
    principal = signer_for(file.trust, request.means)
    role = _role(request, file, principal)
    consent(Asked(file, principal, role, request))
    statement = _statement(request, file, principal, role, begins)
    signed = sign_bound(statement, file.trust, request.means, request.now)
    write_private(request.output, approval_file(signed.statement, signed.signature))
    return signed


def _content(path: Path) -> bytes:
    seen = see(path, TimeLimit(_SECONDS, time.monotonic), keep=True)
    if isinstance(seen, str):
        hint = "name a file that `pointsctl plan show --output` wrote"
        raise UsageError(f"the file {path.name!r} {seen}", hint=hint)
    return seen.content


def _begins(file: PlanFile, now: datetime) -> datetime:
    """A little before now, so that a clock that is a little ahead is no obstacle, and never before the file was written.

    Raises RefusedError for a clock by which the file would be of the future.
    """
    if now + CLOCK_SKEW < file.now:
        message = f"this machine's clock says {utc_text(now)}, and the plan's file was written at {utc_text(file.now)}"
        raise RefusedError(message, hint="set the clock; what is signed names the time")
    return max(file.now, now - CLOCK_SKEW)


def _role(request: Request, file: PlanFile, principal: str) -> str:
    content, policy = file.plan.content, file.trust.policy
    held = [one for one in content.roles if one in policy.roles_of(principal)]
    asked = ", ".join(content.roles)
    if not held or (request.role is not None and request.role not in held):
        wanted = request.role or f"any of {asked}"
        message = f"refused: {principal} does not hold {wanted}; the plan asks for {asked}"
        raise RefusedError(message, hint="nothing was signed; sign in a role that you hold")
    if request.role is None and len(held) > 1:
        raise UsageError(f"in which role? {principal} holds {' and '.join(held)}", hint=f"--role {held[0]}")
    why = barred_from(content, policy, principal) if request.decision is Decision.APPROVE else ""
    if why:
        raise RefusedError(f"refused: {why}", hint="nothing was signed; ask somebody else who holds the role")
    return request.role or held[0]


def _statement(request: Request, file: PlanFile, principal: str, role: str, begins: datetime) -> ApprovalStatement:
    return ApprovalStatement(
        environment=file.environment,
        database=file.database,
        principal=principal,
        not_before=begins,
        # What closes a gate does not run out.
        expires_at=begins + file.valid_for if request.decision is Decision.APPROVE else None,
        head=HeadName(seq=file.head.seq, hash=file.head.hash),
        nonce=request.means.new_nonce(),
        plan=file.plan.digest,
        evidence=file.plan.evidence.digest,
        role=role,
        decision=request.decision,
        comment=request.comment,
    )


def _compare(planned: tuple[Migration, ...], folder: Path) -> None:
    """Raises RefusedError naming the first planned migration that is missing in the folder, or has other bytes there."""
    for migration in planned:
        seen = see(folder / migration.name, TimeLimit(_SECONDS, time.monotonic), keep=False)
        if isinstance(seen, str) or seen.sha256 != migration.sha256:
            what = seen if isinstance(seen, str) else f"has sha256 {seen.sha256}, planned was {migration.sha256}"
            hint = "nothing was signed; get the sources that the plan was made of, or ask for a new plan"
            raise RefusedError(f"migration {migration.name!r} in {folder} {what}", hint=hint)
