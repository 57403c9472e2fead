"""Shows what a gate says: what refuses it, every missing piece with who can supply it and how, what is waived."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pointsctl.cli.tables import console, print_json
from pointsctl.model.canonical import jsonable
from pointsctl.model.conclusion import counts_line
from pointsctl.model.escape import plain
from pointsctl.model.finding import Finding
from pointsctl.model.gate_decision import GateDecision, Opening, Piece
from pointsctl.model.plan import SHORT

SCHEMA = "pointsctl/gate/v1"

_COMMAND = "run: "
_STYLES = {
    Opening.READY: "bold green",
    Opening.BLOCKED: "bold red",
    Opening.WAITING: "bold yellow",
    Opening.UNKNOWN: "bold magenta",
    Opening.REFUSED: "bold red",
}


def print_gate(decision: GateDecision, *, as_json: bool) -> None:
    """The decision; as one document `pointsctl/gate/v1` on demand."""
    if as_json:
        print_json(_document(decision))
        return
    out = console()
    # What refuses it stands last: everything else may have scrolled away.
    for line in (*_pieces(decision), *_waived(decision), *_refusals(decision), counts_line(decision.run)):
        for row in _rows(plain(line), out.width):
            out.print(row, soft_wrap=True)
    for row in _rows(plain(_conclusion(decision)), out.width):
        out.print(row, soft_wrap=True, style=_STYLES[decision.verdict])


def _rows(line: str, width: int) -> list[str]:
    """The line within the width. A command that needs several rows can still be copied: they end as a shell goes on."""
    indent = " " * (len(line) - len(line.lstrip()) + (2 if line.startswith(" ") else 0))
    if not line.lstrip().startswith(_COMMAND):
        return textwrap.wrap(line, width, subsequent_indent=indent)
    rows = textwrap.wrap(line, width - 2, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [*(f"{row} \\" for row in rows[:-1]), *rows[-1:]]


def _refusals(decision: GateDecision) -> Iterator[str]:
    if decision.refusals:
        yield "refused, whatever the items say"
    for refusal in decision.refusals:
        yield f"  - {refusal.why}"
        if refusal.hint:
            yield f"    next: {refusal.hint}"


def _pieces(decision: GateDecision) -> Iterator[str]:
    if decision.pieces:
        yield "missing"
    said = {refusal.why for refusal in decision.refusals}
    for pieces in _alike(decision.pieces):
        piece = pieces[0]
        yield f"  - {', '.join(one.item for one in pieces)}: {piece.state.value}"
        yield "    by what refuses it, below" if piece.why in said else f"    {piece.why}"
        yield f"    who: {piece.who}"
        yield f"    {_COMMAND}{piece.command}"


def _alike(pieces: Sequence[Piece]) -> Iterable[Sequence[Piece]]:
    """Those that differ in nothing but the item stand together, where the first of them does."""
    groups: dict[Piece, list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(replace(piece, item=""), []).append(piece)
    return groups.values()


def _waived(decision: GateDecision) -> Iterator[str]:
    if decision.waived:
        yield "waived"
    for finding in decision.waived:
        yield f"  - {finding.id}: {finding.observation.summary}"


def _conclusion(decision: GateDecision) -> str:
    what = f"{decision.run.phase} on {decision.run.environment}"
    plan = f", plan {decision.plan[:SHORT]}" if decision.plan else ""
    if decision.opens:
        return f"open: {what}{plan}"
    number = len(decision.refusals) + len(decision.pieces)
    return f"closed ({decision.verdict.value}): {what}{plan}: {number} {'thing is' if number == 1 else 'things are'} in the way"


def _document(decision: GateDecision) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "phase": decision.run.phase,
        "environment": decision.run.environment,
        "verdict": decision.verdict.value,
        "exit_code": int(decision.exit_code),
        "plan": decision.plan,
        "head": decision.head,
        "refusals": [{"why": one.why, "hint": one.hint} for one in decision.refusals],
        "pieces": [_piece(piece) for piece in decision.pieces],
        "waived": [_waiver(finding) for finding in decision.waived],
        "counts": decision.run.counts,
    }


def _piece(piece: Piece) -> dict[str, Any]:
    return {
        "item": piece.item,
        "state": piece.state.value,
        "why": piece.why,
        "who": piece.who,
        "command": piece.command,
    }


def _waiver(finding: Finding) -> dict[str, Any]:
    return {"item": finding.id, **jsonable(finding.observation.evidence.get("waiver") or {})}
