"""Shows decisions about plans: who signed what, how it stands, who is missing; for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.ages import minute
from pointsctl.model.approval import Verdict
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.model.plan import SHORT

if TYPE_CHECKING:
    from pointsctl.model.approval import Approvals, RoleApproval
    from pointsctl.model.deployment import Deployment
    from pointsctl.model.history import Signed
    from pointsctl.model.standing import Standing
    from pointsctl.model.statement import ApprovalStatement
    from pointsctl.workflow.import_approval import Imported
    from pointsctl.workflow.record_decision import Decided
    from pointsctl.workflow.verify_approvals import Checked, VerifiedApprovals

_STYLES = {Verdict.APPROVED: "bold green", Verdict.WAITING: "bold yellow", Verdict.REFUSED: "bold red"}
_COMMAND = "    run: "


def print_approvals(
    environment: str, deployment: Deployment, approvals: Approvals | None, found: Sequence[Standing], *, as_json: bool
) -> None:
    """The decisions in `found` and how the newest plan stands; as one document `pointsctl/approvals/v1` on demand."""
    if as_json:
        print_json(_approvals_document(environment, deployment, approvals, found))
        return
    _print(_decisions(found))
    _print(f"record {seq} cannot be read: {why}" for seq, why in deployment.history.unreadable)
    if approvals is None:
        _print([f"there is no plan for {environment}; make one: pointsctl plan create --env {environment}"])
        return
    _print(_standing(approvals))
    print_wrapped(console(), plain(_conclusion(approvals)), style=_STYLES[approvals.verdict])


def print_decided(environment: str, done: Decided, *, as_json: bool) -> None:
    """What was recorded, and what is still missing; as one document `pointsctl/decision/v1` on demand."""
    if as_json:
        print_json({"schema": "pointsctl/decision/v1", "environment": environment, **_decided_document(done)})
        return
    _print(_decided(done))
    if done.approvals is not None:
        _print(_standing(done.approvals))
        _print([_conclusion(done.approvals)])


def print_imported(environment: str, imported: Sequence[Imported], *, as_json: bool) -> None:
    """What became of each file; as one document `pointsctl/approvals-import/v1` on demand."""
    if as_json:
        files = [_imported_document(one) for one in imported]
        print_json({"schema": "pointsctl/approvals-import/v1", "environment": environment, "files": files})
        return
    for one in imported:
        if one.decided is not None:
            _print([f"{one.path.name}:", *_decided(one.decided)])
        elif one.refusal is not None:
            _print([f"{one.path.name}: {one.refusal.message}", f"    next: {one.refusal.hint}"])
    last = next((one.decided.approvals for one in reversed(imported) if one.decided), None)
    if last is not None:
        _print([*_standing(last), _conclusion(last)])


def print_verified(environment: str, verified: VerifiedApprovals, *, as_json: bool) -> None:
    """What stock tools say of each decision; as one document `pointsctl/approvals-verification/v1` on demand."""
    if as_json:
        decisions = [_checked_document(one) for one in verified.decisions]
        schema = "pointsctl/approvals-verification/v1"
        print_json({"schema": schema, "environment": environment, "whole": verified.whole, "decisions": decisions})
        return
    _print(_checked(one) for one in verified.decisions)
    if not verified.decisions:
        _print([f"no decision is recorded in {environment}, so nothing was checked"])
    elif verified.whole:
        _print(
            [
                f"all {len(verified.decisions)} hold, says ssh-keygen; repeat it: pointsctl approvals verify --show-commands"
            ]
        )


def _print(lines: Sequence[str] | Iterator[str]) -> None:
    out = console()
    for line in lines:
        if line.startswith(_COMMAND):  # is copied: never broken within a word, nor cut
            out.print(plain(line), soft_wrap=True)
        else:
            print_wrapped(out, plain(line))


def _decisions(found: Sequence[Standing]) -> Iterator[str]:
    for one in found:
        statement = one.statement
        what = "approves" if statement.decision == "approve" else "rejects"
        yield f"{one.state.value}: {statement.principal} {what} plan {statement.plan[:SHORT]} as {statement.role}"
        yield f"    {one.why}"
        yield f"    record {one.seq} of {minute(one.signed.record.recorded_at)}"
        yield f"    {one.signed.fingerprint or 'no key'}"
        if statement.comment:
            yield f"    says: {statement.comment}"


def _standing(approvals: Approvals) -> Iterator[str]:
    for why in approvals.refusals:
        yield f"refused: {why}"
    for role in approvals.roles:
        yield _role(role)
        if role.missing > 0 and role.candidates and not approvals.refusals:
            yield f"{_COMMAND}{role.command}"


def _role(role: RoleApproval) -> str:
    filled = ", ".join(one.statement.principal for one in role.filled_by)
    if role.missing <= 0:
        return f"{role.role}: {filled}"
    who = " or ".join(role.candidates) or "nobody who could; see `pointsctl trust show`"
    return f"{role.role}: {filled}{'; ' if filled else ''}missing {role.missing} of {role.needed}: {who}"


def _conclusion(approvals: Approvals) -> str:
    plan = approvals.plan.plan
    if approvals.verdict is Verdict.APPROVED:
        return f"plan {plan.short} for {plan.content.environment} is approved"
    if approvals.verdict is Verdict.WAITING:
        return f"plan {plan.short} for {plan.content.environment} waits for approvals"
    return f"plan {plan.short} for {plan.content.environment} is refused; it takes a new plan"


def _decided(done: Decided) -> Iterator[str]:
    statement = done.decision.statement
    what = "approved" if statement.decision == "approve" else "rejected"
    until = f", until {minute(statement.expires_at)}" if statement.expires_at else ""
    yield f"{statement.principal} {what} plan {statement.plan[:SHORT]} as {statement.role}{until}"
    yield f"recorded {done.recorded.seq}:{done.recorded.hash}"


def _checked(one: Checked) -> str:
    statement = one.statement
    who = f"record {one.signed.record.seq}: {statement.decision.value} by {statement.principal} as {statement.role}"
    return f"holds: {who}" if one.holds else f"DOES NOT HOLD: {who}: {one.reason}"


def _approvals_document(
    environment: str, deployment: Deployment, approvals: Approvals | None, found: Sequence[Standing]
) -> dict[str, Any]:
    now = deployment.history.now
    return {
        "schema": "pointsctl/approvals/v1",
        "environment": environment,
        "now": utc_text(now) if now else None,
        **_plan_document(approvals),
        "decisions": [_decision_document(one) for one in found],
        "unreadable": [{"record": seq, "why": why} for seq, why in deployment.history.unreadable],
    }


def _plan_document(approvals: Approvals | None) -> dict[str, Any]:
    if approvals is None:
        return {"plan": None, "verdict": Verdict.WAITING.value, "refusals": [], "roles": []}
    return {
        "plan": approvals.plan.digest,
        "verdict": approvals.verdict.value,
        "refusals": list(approvals.refusals),
        "roles": [_role_document(one) for one in approvals.roles],
    }


def _role_document(role: RoleApproval) -> dict[str, Any]:
    return {
        "role": role.role,
        "needed": role.needed,
        "missing": role.missing,
        "filled_by": [one.statement.principal for one in role.filled_by],
        "candidates": list(role.candidates),
        "command": role.command if role.candidates else None,
    }


def _decision_document(one: Standing) -> dict[str, Any]:
    return {**_signed_document(one.signed, one.statement), "state": one.state.value, "why": one.why}


def _signed_document(signed: Signed[ApprovalStatement], statement: ApprovalStatement) -> dict[str, Any]:
    return {
        "record": signed.record.seq,
        "recorded_at": utc_text(signed.record.recorded_at),
        "fingerprint": signed.fingerprint,
        **_statement_document(statement),
    }


def _statement_document(statement: ApprovalStatement) -> dict[str, Any]:
    return {
        "plan": statement.plan,
        "decision": statement.decision.value,
        "role": statement.role,
        "principal": statement.principal,
        "expires_at": utc_text(statement.expires_at) if statement.expires_at else None,
        "comment": statement.comment,
    }


def _decided_document(done: Decided) -> dict[str, Any]:
    return {
        "decided": _statement_document(done.decision.statement),
        "recorded": {"seq": done.recorded.seq, "hash": done.recorded.hash},
        **_plan_document(done.approvals),
    }


def _imported_document(one: Imported) -> dict[str, Any]:
    done = _decided_document(one.decided) if one.decided else None
    refused = {"message": one.refusal.message, "hint": one.refusal.hint} if one.refusal else None
    return {"file": one.path.name, "recorded": done, "refused": refused}


def _checked_document(one: Checked) -> dict[str, Any]:
    return {**_signed_document(one.signed, one.statement), "holds": one.holds, "reason": one.reason}
