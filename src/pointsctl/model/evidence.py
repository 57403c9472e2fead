"""Reads a finding's evidence for people: the offending rows, the other facts, and what a waiting item waits for.

Kinds are free in what they put into their evidence, and third parties add kinds, so nothing here trusts its shape: what
is not understood is shown as a fact. The texts are raw; whoever shows them escapes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pointsctl.model.canonical import canonical_text
from pointsctl.model.finding import Finding, Outcome

_SATISFIED = (Outcome.PASS.value, Outcome.WAIVED.value)
_WAITING_KEYS = ("waits_for", "fields")


@dataclass(frozen=True)
class Row:
    """One offending object, what is wrong with it, and how to mend it."""

    object_name: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Rows:
    """A group of offending rows; `total` counts also those that were not kept, `note` is a line about all of them."""

    title: str
    total: int
    rows: tuple[Row, ...]
    note: str = ""

    @property
    def remedies(self) -> tuple[str, ...]:
        """Every different remedy once, in the order of the rows."""
        return tuple(dict.fromkeys(row.remedy for row in self.rows if row.remedy))


def offending(evidence: Mapping[str, Any]) -> tuple[Rows, ...]:
    """The offending rows of audits, of a plain list of rows, or the items that keep a gate closed."""
    groups = [*_audits(evidence), *_plain_rows(evidence), *_gate_items(evidence)]
    return tuple(group for group in groups if group.total)


def facts(evidence: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Everything in the evidence that `offending` and `waits_for` do not show, as names and texts."""
    shown = {key for key in ("audits", "rows", "items") if _mappings(evidence.get(key))}
    return tuple(
        (as_text(key), as_text(value))
        for key, value in evidence.items()
        if key not in shown and key not in _WAITING_KEYS
    )


def waits_for(finding: Finding) -> str:
    """What a pending item waits for: as its evidence says, the items of a gate, else its summary."""
    evidence = finding.observation.evidence
    stated = evidence.get("waits_for")
    if isinstance(stated, str) and stated.strip():
        return stated
    return "other items" if _mappings(evidence.get("items")) else finding.observation.summary


def waiting(findings: Iterable[Finding]) -> dict[str, tuple[Finding, ...]]:
    """The pending items by what they wait for, in the order of the checklist."""
    groups: dict[str, tuple[Finding, ...]] = {}
    for finding in findings:
        if finding.outcome is Outcome.PENDING:
            cause = waits_for(finding)
            groups[cause] = (*groups.get(cause, ()), finding)
    return groups


def fields(finding: Finding) -> tuple[str, ...]:
    """The names of the blanks that a person is asked to fill in."""
    stated = finding.observation.evidence.get("fields")
    entries = stated if isinstance(stated, (list, tuple)) else ()
    return tuple(as_text(entry.get("name", entry) if isinstance(entry, Mapping) else entry) for entry in entries)


def as_text(value: Any) -> str:
    """A text as it is, anything else as one line of JSON."""
    return value if isinstance(value, str) else canonical_text(value)


def _audits(evidence: Mapping[str, Any]) -> Iterator[Rows]:
    for audit in _mappings(evidence.get("audits")):
        rows = _rows(audit.get("rows"))
        title = as_text(audit.get("title") or audit.get("id") or "")
        yield Rows(title, _total(audit.get("total"), rows), rows, as_text(audit.get("note") or ""))


def _plain_rows(evidence: Mapping[str, Any]) -> Iterator[Rows]:
    rows = _rows(evidence.get("rows"))
    if rows:
        yield Rows("", _total(evidence.get("total"), rows), rows)


def _gate_items(evidence: Mapping[str, Any]) -> Iterator[Rows]:
    items = [item for item in _mappings(evidence.get("items")) if item.get("outcome") not in _SATISFIED]
    rows = tuple(
        Row(as_text(item.get("id", "")), f"{as_text(item.get('outcome', ''))}: {as_text(item.get('summary', ''))}")
        for item in items
    )
    yield Rows("items that are not satisfied", len(rows), rows)


def _rows(value: Any) -> tuple[Row, ...]:
    return tuple(_row(entry) for entry in _mappings(value))


def _row(entry: Mapping[str, Any]) -> Row:
    if "object" in entry:
        return Row(as_text(entry["object"]), as_text(entry.get("detail", "")), as_text(entry.get("remedy") or ""))
    # Rows of another shape: the first value names the object, the others say what is wrong with it.
    named = [(as_text(key), as_text(value)) for key, value in entry.items()]
    return Row(named[0][1] if named else "", ", ".join(f"{key} {value}" for key, value in named[1:]))


def _total(value: Any, rows: tuple[Row, ...]) -> int:
    stated = value if isinstance(value, int) and not isinstance(value, bool) else 0
    return max(stated, len(rows))


def _mappings(value: Any) -> tuple[Mapping[str, Any], ...]:
    entries = value if isinstance(value, (list, tuple)) else ()
    return tuple(entry for entry in entries if isinstance(entry, Mapping))


def identities(findings: Iterable[Finding]) -> tuple[tuple[str, str], ...]:
    """Every environment that was looked at, and who its database said it was (empty where none was asked)."""
    seen = dict.fromkeys((finding.environment, _identity(finding.looked_at)) for finding in findings)
    known = {environment for environment, text in seen if text}
    return tuple((environment, text) for environment, text in seen if text or environment not in known)


def _identity(stated: Mapping[str, Any]) -> str:
    """`database points (oid 16399) on server 77110..., PostgreSQL 18.6, as postgres`; whatever is not known is left out."""
    version = stated.get("server_version")
    major_minor = f"{version // 10000}.{version % 10000}" if isinstance(version, int) else version
    parts = (
        ("database {}", stated.get("database")),
        ("oid {}", stated.get("database_oid")),
        ("server {}", stated.get("system_identifier")),
        ("PostgreSQL {}", major_minor),
        ("as {}", stated.get("role")),
        ("{}", "a read replica" if stated.get("in_recovery") is True else None),
    )
    known = ", ".join(form.format(as_text(value)) for form, value in parts if value is not None)
    return known or ", ".join(f"{as_text(key)} {as_text(value)}" for key, value in stated.items())
