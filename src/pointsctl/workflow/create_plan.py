"""Use case: fix by digest what is to be deployed, have the operator sign it, and record it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pointsctl.errors import RefusedError, UsageError
from pointsctl.ledger.reading import read_history
from pointsctl.ledger.store import Ledger
from pointsctl.model.approval import approvals_of
from pointsctl.model.canonical import utc_text
from pointsctl.model.configuration import Environment
from pointsctl.model.deadline import parse_deadline
from pointsctl.model.deployment import Change, Deployment
from pointsctl.model.history import History
from pointsctl.model.ledger import Draft, Kind, Record
from pointsctl.model.plan import Absent, Content, Origin, Plan
from pointsctl.model.plan_changes import changes_of
from pointsctl.model.plan_evidence import evidence_of
from pointsctl.model.policy import Trust
from pointsctl.model.policy_rules import unfilled, usable_signers
from pointsctl.model.problems import shown
from pointsctl.model.standing import State
from pointsctl.model.statement import PlanStatement
from pointsctl.workflow.git import GitHistory, read_git
from pointsctl.workflow.load_checklist import Loaded
from pointsctl.workflow.plan_content import FoundContent, find_content
from pointsctl.workflow.record_signed import trust_in_force
from pointsctl.workflow.recorded_note import recorded_note
from pointsctl.workflow.sign import Bindings, Signed, SigningMeans, sign_statement, signer_for

_LONGEST_AUTHOR = 400


@dataclass(frozen=True)
class Request:
    """What is asked for. `not_after` is a deadline as it was typed, None for the checklist's `approvals.valid_for`;
    `authors` are named by the operator in addition to those whom git knows; `tool` is the version of this program.
    """

    name: str
    environment: Environment
    means: SigningMeans
    tool: str
    not_after: str | None = None
    authors: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Proposal:
    """The plan that is about to be signed, shown to a person before.

    `remarks` are a sentence each; `supersedes` is the short digest of the plan that it replaces, of which `dying` approvals
    count now.
    """

    plan: Plan
    trust: Trust
    found: FoundContent
    remarks: tuple[str, ...]
    supersedes: str | None
    changes: tuple[Change, ...]
    dying: tuple[str, ...]


@dataclass(frozen=True)
class Created:
    """The plan as it is recorded, and its record; `new` is False when the newest plan said the same already."""

    plan: Plan
    record: Record
    new: bool


def create_plan(ledger: Ledger, loaded: Loaded, request: Request, consent: Callable[[Proposal], None]) -> Created:
    """Make the plan, show it through `consent`, sign and record it; nothing is recorded when the newest plan says the same.

    1. The history, and a policy that is in force and stands in the trust folder. 2. What is found now. 3. Who wrote it.
    4. The plan, which somebody must be able to approve. 5. Consent. 6. The signature. 7. The record, unless the ledger went on.
    Raises UsageError (nothing to deploy, a bad deadline, author or note), RefusedError (a policy that is not in force, unknown
    authors of a protected environment, a role that nobody holds), and what `consent`, signing and the ledger raise.
    """
    history = read_history(ledger, request.means.variables)
    trust = trust_in_force(history.trust, request.name)
    found = find_content(loaded, request.name, request.environment, ledger, history)
    _require(loaded, request, found, trust)
    git = read_git(loaded.directory, found.places, request.means.variables)
    plan = _plan(loaded, request, history, trust, found, git)
    if history.plan is not None and history.plan.digest == plan.digest:
        return Created(history.plan.plan, history.plan.signed.record, new=False)
    consent(_proposal(loaded, history, trust, plan, found, _remarks(plan, trust, found, git)))
    signed = _sign(ledger, request, trust, plan)
    return Created(plan, _record(ledger, request, history, plan, signed), new=True)


def _require(loaded: Loaded, request: Request, found: FoundContent, trust: Trust) -> None:
    values = found.values
    functions = () if isinstance(values.functions, Absent) else values.functions
    if not values.migrations and not functions:
        where = loaded.checklist.migrations.directory
        raise UsageError(f"there is nothing to deploy: no migration in {where}, no function", hint="see `migrations`")
    if values.checklist != values.checklist_read:
        raise RefusedError("the checklist was changed while it was read", hint="run again")
    if values.folder not in (None, trust.digest):
        folder, command = loaded.checklist.approvals.trust, f"pointsctl trust update --env {request.name}"
        message = f"the trust folder {folder!r} is not the policy in force: {shown(values.folder or '', 300)[1:-1]}, in force {trust.digest}"
        raise RefusedError(message, hint=f"see `pointsctl trust show`; put the folder into force with `{command}`")
    if not values.roles:
        raise UsageError("no role must sign, so that nobody could approve", hint="name roles under `approvals.roles`")
    for role in values.roles:
        if role not in trust.policy.roles:
            why = f", and {values.security_because[0]}" if role == "security" and values.security_because else ""
            message = f"nobody holds the role {role!r} in the policy in force{why}"
            raise RefusedError(message, hint="give it to somebody in policy.yaml, then `pointsctl trust update`")


def _plan(
    loaded: Loaded, request: Request, history: History, trust: Trust, found: FoundContent, git: GitHistory
) -> Plan:
    """The plan; without a deadline that was asked for, the newest one's is kept where nothing else differs."""
    now = history.now
    if now is None:
        raise AssertionError("a history that was read has the clock of its database")
    values, newest, note = found.values, history.plan, recorded_note(request.note)
    content = Content(
        environment=request.name,
        database=values.database,
        checklist=values.checklist,
        migrations=values.migrations,
        functions=values.functions,
        policy=trust.digest,
        not_after=_not_after(request.not_after, now) or now + loaded.checklist.approvals.valid_for,
        operator=signer_for(trust, request.means),
        authors=_authors(request, trust, git),
        roles=values.roles,
        security_because=values.security_because,
        without=values.without,
    )
    if request.not_after is None and newest is not None and newest.plan.content.not_after > now:
        kept = content.model_copy(update={"not_after": newest.plan.content.not_after})
        content = kept if kept.digest == newest.digest else content
    origin = Origin(commit=git.commit, dirty=git.dirty, tool=request.tool)
    evidence = evidence_of(history, content.migrations)
    return Plan(content=content, evidence=evidence, origin=origin, created_at=now, note=note)


def _not_after(text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    deadline = parse_deadline(text, now)
    hint = "--not-after takes a duration (48h), a time with its zone (2026-01-31T08:00:00Z) or a day"
    if deadline is None:
        raise UsageError(f"--not-after {shown(text)} is no time", hint=hint)
    if deadline <= now:
        raise UsageError(f"--not-after {utc_text(deadline)} is not after now, {utc_text(now)}", hint=hint)
    return deadline


def _authors(request: Request, trust: Trust, git: GitHistory) -> tuple[str, ...]:
    """Everybody who is known to have written what is pending, by principal where the policy knows them."""
    for author in request.authors:
        if not author.strip() or not author.isprintable() or len(author) > _LONGEST_AUTHOR:
            raise UsageError(f"--author {shown(author)} is no address", hint="name one address each time")
    if git.unknown and request.environment.protected and not request.authors:
        names = _named(_in_folders(git.unknown))
        because = f" ({git.remark})" if git.remark else ""
        message = f"nobody knows who wrote {names}{because}; nobody may approve their own work"
        raise RefusedError(message, hint="commit the files, or name everybody who wrote them with --author")
    addresses = [one[:_LONGEST_AUTHOR] for one in (*(one.strip() for one in request.authors), *git.authors)]
    return tuple(sorted({trust.policy.principal_for(one) or one for one in addresses}))


def _in_folders(places: Iterable[Path]) -> list[str]:
    """Files with the folder that they are in: a migration and what undoes it have the same name."""
    return [f"{place.parent.name}/{place.name}" for place in places]


def _remarks(plan: Plan, trust: Trust, found: FoundContent, git: GitHistory) -> tuple[str, ...]:
    remarks = [git.remark] if git.remark else []
    if git.unknown:
        remarks.append(f"nobody knows who wrote {_named(_in_folders(git.unknown))}")
    if git.differing and git.commit is not None:
        remarks.append(f"not as in the commit: {_named(_in_folders(git.differing))}")
    if found.ignored:
        remarks.append(f"ignored, being no migrations: {_named(found.ignored)}")
    content = plan.content
    own = {content.operator, *content.authors}
    able = [one for role in trust.policy.roles.values() for one in role.principals if one not in own]
    lacking = unfilled(trust.policy, content.roles, {one for one in able if usable_signers(trust, one)})
    for role, number in lacking.items():
        people = "person" if number == 1 else "people"
        remarks.append(
            f"the role {role} lacks {number} {people} who may sign: not the operator, no author, each for one role"
        )
    return tuple(remarks)


def _named(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(shown(name, 120)[1:-1] for name in names[:most]) + more


def _proposal(
    loaded: Loaded, history: History, trust: Trust, plan: Plan, found: FoundContent, remarks: tuple[str, ...]
) -> Proposal:
    old = history.plan
    if old is None:
        return Proposal(plan, trust, found, remarks, None, (), ())
    changes = changes_of(old.plan.content, found.values)
    approvals = approvals_of(Deployment(history, old, (), loaded.checklist.approvals.valid_for), plan.created_at)
    valid = [one for one in (approvals.of_plan if approvals else ()) if one.state is State.VALID]
    dying = tuple(f"{one.statement.role} by {one.statement.principal}" for one in valid)
    return Proposal(plan, trust, found, remarks, old.plan.short, changes, dying)


def _sign(ledger: Ledger, request: Request, trust: Trust, plan: Plan) -> Signed[PlanStatement]:
    def build(bindings: Bindings) -> PlanStatement:
        return PlanStatement(**bindings, plan=plan.digest)

    # The signature itself does not expire: the plan has its own end, and what was planned stays on record.
    return sign_statement(ledger, request.name, trust, request.means, build, valid_for=None)


_GOES_FIRST = (Kind.PLAN_CREATED, Kind.POLICY_PINNED, Kind.POLICY_SIGNED, Kind.ENVIRONMENT_PINNED)


def _record(ledger: Ledger, request: Request, history: History, plan: Plan, signed: Signed[PlanStatement]) -> Record:
    data = {"statement": signed.text, "plan": plan.model_dump(mode="json")}
    principal = signed.statement.principal
    draft = Draft(Kind.PLAN_CREATED, request.name, principal, data, plan=plan.digest, signature=signed.signature)
    with ledger.transaction("recording the plan"):
        since = next(iter(ledger.rows(history.head, kinds=[*map(str, _GOES_FIRST)])), None)
        if since is not None:
            message = f"the ledger went on while the plan was made: record {since.seq} is {since.kind!r}"
            raise RefusedError(
                message, hint="nothing was recorded; look at it with `pointsctl plan show`, then run again"
            )
        return ledger.append(draft)
