"""Kind `gate`: other items must all be satisfied; it looks at nothing itself."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.model.configuration import Without
from pointsctl.model.finding import Finding, JsonValue, Observation, Outcome

_SATISFYING = {Outcome.PASS, Outcome.WAIVED}


class Gate(Check):
    """Passes when every item it stands for has passed (or is waived, with a signature).

    Without `items` it stands for its own sub-items. A skipped item does not hold a gate closed, but a gate whose items were
    all skipped has seen nothing and stays closed, unless each was skipped because the environment declares to do without it:
    then it is skipped too.
    """

    needs_environment: ClassVar[bool] = False
    reads_the_ledger: ClassVar[bool] = True

    items: tuple[str, ...] | None = pydantic.Field(
        None, min_length=1, description="ids, or globs such as `staging.*`; left out, the sub-items"
    )

    def item_references(self) -> tuple[str, ...] | None:
        """The items that the gate stands for."""
        return self.items

    def how(self) -> str:
        """What the gate stands for."""
        return f"all of {', '.join(self.items)}" if self.items else "all sub-items"

    def look(self, world: World) -> Observation:
        """Fold the findings of the run; the worst one decides."""
        findings = [world.findings[item] for item in world.references if item in world.findings]
        unseen = [item for item in world.references if item not in world.findings]
        if unseen or not findings:
            names = ", ".join(unseen) or "none"
            return Observation.error(
                f"not looked at in this run: {names}", hint="run the items that the gate stands for"
            )
        counts = Counter(finding.outcome for finding in findings)
        satisfied = sum(counts[outcome] for outcome in _SATISFYING)
        evidence = {"items": [_row(finding) for finding in findings]}
        observed = f"{satisfied} of {len(findings) - counts[Outcome.SKIP]} satisfied"
        worst = _worst(findings)
        if worst is None and satisfied:
            return Observation.passed(
                f"all satisfied: {observed}", observed=observed, expected="all", evidence=evidence
            )
        left_out = _left_out(findings, world.without)
        if worst is None and left_out:
            reason = f"{world.target or world.environment} does without {', '.join(left_out)}"
            return Observation.skipped(reason, evidence={"without": left_out})
        if worst is None:
            return Observation.error("every item was skipped, so nothing is known", hint="see why each was skipped")
        return Observation(
            outcome=worst.outcome,
            summary=f"{observed}; {_names(findings, worst.outcome)}",
            observed=observed,
            expected="all satisfied",
            hint=f"pointsctl check show {worst.id}",
            evidence=evidence,
        )


def _left_out(findings: list[Finding], without: tuple[Without, ...]) -> list[str]:
    """What the environment does without, when that is why every one of them was skipped; else nothing."""
    left_out: set[str] = set()
    for finding in findings:
        reasons = finding.observation.evidence.get("without")
        if not isinstance(reasons, list) or not reasons or not set(reasons) <= set(without):
            return []
        left_out.update(reasons)
    return sorted(left_out)


def _worst(findings: list[Finding]) -> Finding | None:
    for outcome in (Outcome.ERROR, Outcome.FAIL, Outcome.PENDING):
        for finding in findings:
            if finding.outcome == outcome:
                return finding
    return None


def _names(findings: list[Finding], outcome: Outcome) -> str:
    names = [finding.id for finding in findings if finding.outcome == outcome]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{outcome.value}: {', '.join(names[:3])}{more}"


def _row(finding: Finding) -> dict[str, JsonValue]:
    return {"id": finding.id, "outcome": finding.outcome.value, "summary": finding.observation.summary}
