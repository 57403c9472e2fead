"""Shows a plan on one screen: what a lead must understand before signing for it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pointsctl.model.ages import about, ago, minute
from pointsctl.model.deployment import shortened
from pointsctl.model.escape import plain
from pointsctl.model.plan import Absent, Evidence, Migration, Plan, ProofEvidence

if TYPE_CHECKING:
    from rich.console import Console

    from pointsctl.model.deployment import Change, Deployment
    from pointsctl.model.policy import Trust

_SHORT = 8
_NARROW = 60
_MOST_APPLIED = 3
_MOST_REASONS = 3


@dataclass(frozen=True)
class PlanPage:
    """What is shown: the plan, the trust in force, the database's clock; `evidence` is the newest (the plan's own when None),
    `changes` what differs from the plan now, `pending` the migrations that are not applied yet (None when nobody knows),
    `lines` how many lines the migrations have, where known, `state` a word such as `open`, `remarks` a sentence each.
    """

    plan: Plan
    trust: Trust | None
    now: datetime
    evidence: Evidence | None = None
    changes: Sequence[Change] = ()
    pending: Collection[str] | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    state: str = ""
    remarks: Sequence[str] = ()


def page_of(deployment: Deployment, plan: Plan, now: datetime, state: str = "") -> PlanPage:
    """The page of a plan with the evidence that it holds; `deployment` is about the same plan."""
    return PlanPage(
        plan=plan,
        trust=deployment.history.trust,
        now=now,
        changes=deployment.changes,
        pending=deployment.pending,
        lines=deployment.lines,
        state=state,
    )


@dataclass(frozen=True)
class _Line:
    """A line of the page: its name (empty where it goes on), its text, and whether somebody should be worried."""

    name: str
    text: str
    worry: bool = False


def print_plan(page: PlanPage, out: Console | None = None) -> None:
    """Print the page on stdout, or on `out`: the `stderr_console` where it is shown before somebody confirms or signs."""
    from rich.text import Text

    from pointsctl.cli.tables import console

    out = out or console()
    out.print(Text(plain(_title(page)), style="bold"))
    lines = list(_lines(page))
    narrow = out.width < _NARROW
    indent = 2 if narrow else max(len(line.name) for line in lines) + 1
    for line in lines:
        if narrow and line.name:
            out.print(Text(line.name, style="bold"))
        name = "" if narrow else line.name
        text = Text(plain(line.text, 800), style="bold red" if line.worry else "")
        for number, row in enumerate(text.wrap(out, out.width - indent, overflow="fold")):
            row.rstrip()
            out.print(Text(("" if number else name).ljust(indent)).append(row))


def stderr_console() -> Console:
    """A console on stderr, with the same habits as that of results."""
    from pointsctl.cli.terminal import Terminal

    return Terminal(sys.stderr)


def _title(page: PlanPage) -> str:
    return f"plan {page.plan.short} for {page.plan.content.environment}{f': {page.state}' if page.state else ''}"


def _lines(page: PlanPage) -> Iterator[_Line]:
    content = page.plan.content
    yield from _changes(page)
    system = content.database.system_identifier or "unknown"
    yield _Line("database", f"{content.database.database} (oid {content.database.database_oid}, system {system})")
    yield from _until(page)
    yield _Line("operator", f"{content.operator}, made {minute(page.plan.created_at)}")
    yield from _origin(page.plan)
    yield _Line("authors", ", ".join(content.authors) or "UNKNOWN", worry=not content.authors)
    if page.plan.note:
        yield _Line("note", page.plan.note)
    yield from _migrations(page)
    yield from _functions(page.plan)
    yield from _evidence(page)
    yield from _review(page.plan)
    yield from _signers(page)
    for number, remark in enumerate(page.remarks):
        yield _Line("" if number else "beware", remark, worry=True)


def _changes(page: PlanPage) -> Iterator[_Line]:
    for number, one in enumerate(page.changes):
        what = f"{one.what}: planned {shortened(one.planned)}, found {shortened(one.found)}"
        yield _Line("" if number else "CHANGED", what, worry=True)


def _until(page: PlanPage) -> Iterator[_Line]:
    left = page.plan.content.not_after - page.now
    if left < timedelta():
        yield _Line("not after", f"{minute(page.plan.content.not_after)}, which is PAST", worry=True)
    else:
        yield _Line("not after", f"{minute(page.plan.content.not_after)}, in {about(left)}")


def _origin(plan: Plan) -> Iterator[_Line]:
    origin = plan.origin
    commit = (
        f"{origin.commit[:12]}{', DIRTY: files differ from it' if origin.dirty else ''}" if origin.commit else "NONE"
    )
    text = f"{commit} (pointsctl {origin.tool})"
    yield _Line("commit", text, worry=origin.dirty or origin.commit is None)


def _migrations(page: PlanPage) -> Iterator[_Line]:
    """Every pending migration, and only how many are applied already: what was added out of order must not be missed."""
    migrations = page.plan.content.migrations
    shown = [one for one in migrations if page.pending is None or one.name in page.pending]
    applied = len(migrations) - len(shown)
    what = f"{len(shown)} {'planned' if page.pending is None else 'pending'}"
    yield _Line("migrations", what + (f", {applied} applied already" if applied else ""))
    for one in shown:
        lines = page.lines.get(one.name)
        size = f", {lines} line{'' if lines == 1 else 's'}" if lines is not None else ""
        text = f"  {one.name} {one.sha256[:_SHORT]}{size}, {_undone(one)}"
        yield _Line("", text, worry=one.reverse is None or one.verify is None)


def _undone(migration: Migration) -> str:
    parts = (("reverse", migration.reverse), ("verify", migration.verify))
    return ", ".join(f"{name} {'yes' if digest else 'NO'}" for name, digest in parts)


def _functions(plan: Plan) -> Iterator[_Line]:
    functions = plan.content.functions
    if isinstance(functions, Absent):
        yield _Line("functions", _absent(functions, "functions", plan), worry="functions" not in plan.content.without)
    elif functions:
        yield _Line("functions", ", ".join(f"{one.name} {one.sha256[:_SHORT]}" for one in functions))


def _evidence(page: PlanPage) -> Iterator[_Line]:
    evidence, plan = page.evidence or page.plan.evidence, page.plan
    run = evidence.run
    if isinstance(run, Absent):
        yield _Line("preflight", _absent(run, "", plan), worry=True)
    else:
        counts = ", ".join(f"{number} {name}" for name, number in run.counts.items() if number)
        text = f"{run.verdict} {ago(run.recorded_at, page.now)} ({counts})"
        yield _Line("preflight", text, worry=run.verdict in ("blocked", "unknown"))
    yield from (
        _proof(name, proof, page) for name, proof in (("backup", evidence.backup), ("rehearsal", evidence.rehearsal))
    )


def _proof(name: str, proof: ProofEvidence | Absent, page: PlanPage) -> _Line:
    if isinstance(proof, Absent):
        return _Line(name, _absent(proof, name, page.plan), worry=name not in page.plan.content.without)
    return _Line(name, f"{proof.summary}, {ago(proof.counts_from, page.now)}")


def _absent(absent: Absent, name: str, plan: Plan) -> str:
    if name in plan.content.without:
        return f"done without in {plan.content.environment}"
    return f"ABSENT: {absent.absent}"


def _review(plan: Plan) -> Iterator[_Line]:
    because = plan.content.security_because
    if not because:
        yield _Line("security", "no review needed: nothing pending touches policies, grants, roles or definer rights")
        return
    more = f" and {len(because) - _MOST_REASONS} more places" if len(because) > _MOST_REASONS else ""
    yield _Line("security", f"review NEEDED: {'; '.join(because[:_MOST_REASONS])}{more}")


def _signers(page: PlanPage) -> Iterator[_Line]:
    """Each role with those who may fill it; the operator and the authors are named as those who may not."""
    own = {page.plan.content.operator, *page.plan.content.authors}
    policy = page.trust.policy if page.trust else None
    for number, role in enumerate(page.plan.content.roles):
        held = policy.roles.get(role) if policy else None
        may = [one for one in held.principals if one not in own] if held else []
        barred = [one for one in held.principals if one in own] if held else []
        count = f" ({held.threshold} of them)" if held and held.threshold > 1 else ""
        text = f"{role}{count}: {', '.join(may) or 'NOBODY'}"
        text += f"; not {', '.join(barred)}, whose own work it is" if barred else ""
        yield _Line("" if number else "must sign", text, worry=not may)
