"""What the doctor found, as values, and the verdict that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pointsctl.errors import ExitCode
from pointsctl.model.run import Verdict


class Status(StrEnum):
    """How one thing is: `missing` is optional and not there, `failed` is bad, `error` is needed and could not be looked at."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    FAILED = "failed"
    ERROR = "error"


@dataclass(frozen=True)
class DoctorCheck:
    """One thing looked at. `fix` is the next action, empty when there is nothing to do."""

    id: str
    status: Status
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Examination:
    """Everything looked at, in the order of showing."""

    checks: tuple[DoctorCheck, ...]
    checklist_usable: bool = True

    @property
    def verdict(self) -> Verdict:
        """Ready when what is needed is there; an examination that found nothing to look at knows nothing."""
        seen = {check.status for check in self.checks}
        if Status.ERROR in seen or Status.OK not in seen or not self.checklist_usable:
            return Verdict.UNKNOWN
        return Verdict.BLOCKED if Status.FAILED in seen else Verdict.READY

    @property
    def exit_code(self) -> ExitCode:
        """The process exit code that the contract of the command line gives."""
        return self.verdict.exit_code if self.checklist_usable else ExitCode.USAGE

    def as_json(self) -> Mapping[str, object]:
        """The document `pointsctl/doctor/v1`."""
        checks = [
            {"id": check.id, "status": check.status.value, "found": check.found, "fix": check.fix}
            for check in self.checks
        ]
        return {"schema": "pointsctl/doctor/v1", "checks": checks, "verdict": self.verdict.value}
