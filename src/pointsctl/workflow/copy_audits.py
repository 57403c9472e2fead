"""Use case: every audit of the checklist, run on a restored copy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pointsctl.checks.sql_audit import SqlAudit
from pointsctl.errors import ExitCode, InterruptedByOperatorError
from pointsctl.model.backup_records import AuditResult
from pointsctl.model.configuration import Environment
from pointsctl.model.finding import Finding
from pointsctl.model.progress import Progress, Unit
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.run_audits import run_audits

STAGE = "audits"
_PREFIX = "audit."


@dataclass(frozen=True)
class CopyAudits:
    """What the audits say of the copy: `findings` in full, `results` as they are recorded, and the verdict's exit code."""

    findings: tuple[Finding, ...]
    results: tuple[AuditResult, ...]
    exit_code: ExitCode


def audit_copy(request: BackupRequest, url: str, progress: Progress) -> CopyAudits | None:
    """Run the audits of all items on the copy at `url`; None when the checklist has no audit.

    Raises InterruptedByOperatorError when somebody asked to stop before all were run.
    """
    names = dict.fromkeys(
        name for check in request.loaded.checks.values() if isinstance(check, SqlAudit) for name in check.audits
    )
    if not names:
        return None
    copy = {request.name: Environment(database_url=url)}
    surroundings = replace(request.surroundings, built_in=copy)
    progress.begin(STAGE, Unit.THINGS, len(names))
    run = run_audits(request.loaded, tuple(names), request.name, surroundings)
    if run.interrupted:
        raise InterruptedByOperatorError("interrupted while the copy was audited", hint="run it again")
    progress.move(STAGE, len(run.findings))
    progress.end(STAGE)
    return CopyAudits(run.findings, tuple(_result(one) for one in run.findings), run.exit_code)


def _result(finding: Finding) -> AuditResult:
    seen = finding.observation.evidence.get("audits")
    totals = [one.get("total", 0) for one in seen if isinstance(one, dict)] if isinstance(seen, list) else []
    rows = sum(total for total in totals if isinstance(total, int))
    return AuditResult(id=finding.id.removeprefix(_PREFIX), outcome=finding.outcome, rows=rows)
