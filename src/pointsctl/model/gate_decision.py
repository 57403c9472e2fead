"""Whether a gate opens, decided from a run over what the ledger remembers, and every piece that is missing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pointsctl.errors import ExitCode
from pointsctl.model.finding import Finding, Outcome
from pointsctl.model.run import Run, Verdict

_GATE = "gate"
_SHOWN = 3
_SATISFYING = frozenset({Outcome.PASS, Outcome.WAIVED, Outcome.SKIP})


class Opening(StrEnum):
    """What a gate says: the verdicts of a run, and that it is refused whatever the items say."""

    READY = "ready"
    BLOCKED = "blocked"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True)
class Refusal:
    """Why a gate stays closed whatever its items say, and the next action."""

    why: str
    hint: str


@dataclass(frozen=True)
class Piece:
    """One thing that is missing: the item and its state, what is missing, who can supply it, with which command."""

    item: str
    state: Outcome
    why: str
    who: str
    command: str


@dataclass(frozen=True)
class GateDecision:
    """`run` holds the findings that the ledger amounts to; `plan` is the digest of the plan in force (None without one);
    `head` the last record that was read, as `SEQ:HASH`.
    """

    run: Run
    refusals: tuple[Refusal, ...]
    plan: str | None
    head: str

    @property
    def refused(self) -> bool:
        """Whether anything refuses it: a refusal, or an item that says so."""
        return bool(self.refusals) or any(_refuses(finding) for finding in self.run.findings)

    @property
    def verdict(self) -> Opening:
        """Refused before unknown, blocked, waiting; ready only when every item is satisfied."""
        return Opening.REFUSED if self.refused else Opening(self.run.verdict.value)

    @property
    def exit_code(self) -> ExitCode:
        """5 before 4, 1 and 3; 0 only for an open gate."""
        return ExitCode.REFUSED if self.refused else self.run.exit_code

    @property
    def opens(self) -> bool:
        """Whether it is open."""
        return self.verdict is Opening.READY and self.run.verdict is Verdict.READY

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Everything that is missing, in the order of the checklist. Gates only repeat what their items say, so they stand
        here only when none of those does.
        """
        missing = [finding for finding in self.run.findings if finding.outcome not in _SATISFYING]
        of_items = [finding for finding in missing if finding.kind != _GATE]
        return tuple(_piece(finding, self.run.environment) for finding in of_items or missing)

    @property
    def in_the_way(self) -> str:
        """What keeps it closed, in a line: the first few, and how many more there are."""
        refused = [one.why for one in self.refusals]
        pieces = (f"{one.item}: {one.why}" for one in self.pieces if one.why not in refused)
        said = list(dict.fromkeys([*refused, *pieces]))
        more = f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
        return "; ".join(said[:_SHOWN]) + more

    @property
    def waived(self) -> tuple[Finding, ...]:
        """The items that somebody signed for going on without."""
        return tuple(finding for finding in self.run.findings if finding.outcome is Outcome.WAIVED)


def _refuses(finding: Finding) -> bool:
    return finding.outcome not in _SATISFYING and finding.observation.evidence.get("refused") is True


def _piece(finding: Finding, target: str) -> Piece:
    observation = finding.observation
    evidence, hint = observation.evidence, observation.hint
    people = evidence.get("waits_for")
    stated = hint.partition(";")[0] if hint.startswith("pointsctl ") else ""
    return Piece(
        item=finding.id,
        state=finding.outcome,
        why=observation.summary,
        who=_text(evidence.get("who")) or _people(people) or "whoever supplies what it waits for",
        command=_text(evidence.get("command")) or stated or f"pointsctl check run {finding.id} --env {target}",
    )


def _text(value: object) -> str:
    """Evidence is free in its form."""
    return value if isinstance(value, str) else ""


def _people(value: object) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list | tuple) else ""
