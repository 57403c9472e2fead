"""Use case: every audit of the checklist, run on a restored copy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pointsctl.checks.sql_audit import SqlAudit
from pointsctl.errors import ExitCode, InterruptedByOperatorError
from pointsctl.model.backup_records import AuditResult
from pointsctl.model.configuration import Environment
from pointsctl.model.finding import Finding, Outcome
from pointsctl.model.progress import Progress, Unit
from pointsctl.postgres import sqlfiles
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.run_audits import run_audits

STAGE = "audits"
_PREFIX = "audit."
_PRESENT = {"judges": "the present"}
"""Header of an audit that asks how a system does at this moment, as events of the last hour show it: a copy is of the past."""


@dataclass(frozen=True)
class CopyAudits:
    """What the audits say of the copy: `findings` in full, `results` as they are recorded, and the verdict's exit code.

    `of_the_present` names those that were not run, since they judge a living system; their results are `skip`.
    """

    findings: tuple[Finding, ...]
    results: tuple[AuditResult, ...]
    exit_code: ExitCode
    of_the_present: tuple[str, ...] = ()


def audit_copy(request: BackupRequest, url: str, progress: Progress) -> CopyAudits | None:
    """Run the audits of all items on the copy at `url`; None when the checklist has none that judges what is stored.

    Raises InterruptedByOperatorError when somebody asked to stop before all were run.
    """
    names = dict.fromkeys(
        name for check in request.loaded.checks.values() if isinstance(check, SqlAudit) for name in check.audits
    )
    present = tuple(name for name in names if _PRESENT.items() <= sqlfiles.load("audits", name).headers.items())
    stored = tuple(name for name in names if name not in present)
    if not stored:
        return None
    copy = {request.name: Environment(database_url=url)}
    surroundings = replace(request.surroundings, built_in=copy)
    progress.begin(STAGE, Unit.THINGS, len(stored))
    run = run_audits(request.loaded, stored, request.name, surroundings)
    if run.interrupted:
        raise InterruptedByOperatorError("interrupted while the copy was audited", hint="run it again")
    progress.move(STAGE, len(run.findings))
    progress.end(STAGE)
    skipped = (AuditResult(id=name, outcome=Outcome.SKIP, rows=0) for name in present)
    results = (*(_result(one) for one in run.findings), *skipped)
    return CopyAudits(run.findings, results, run.exit_code, present)


def _result(finding: Finding) -> AuditResult:
    seen = finding.observation.evidence.get("audits")
    totals = [one.get("total", 0) for one in seen if isinstance(one, dict)] if isinstance(seen, list) else []
    rows = sum(total for total in totals if isinstance(total, int))
    return AuditResult(id=finding.id.removeprefix(_PREFIX), outcome=finding.outcome, rows=rows)
