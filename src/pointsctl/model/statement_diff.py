"""How the statements that were applied differ from those of the file: a unified diff, bounded, without passwords."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from itertools import islice

from pointsctl.model.redaction import MARK, redact

MOST_LINES = 200
_LONGEST_LINE = 400
_LONGEST_REDACTED = 4_000
_HEADING = 2
_COMPARED = 2_000
_CONTEXT = 3
# `create role x password '...'`, as no URL and no connection string has it.
_PASSWORD = re.compile(r"(?P<word>\bpassword\s{1,9})(?P<value>e?'(?:[^'\\]|''|\\.){0,1000}'?)", re.IGNORECASE)


def statement_diff(applied: Sequence[str], file: Sequence[str]) -> tuple[str, ...]:
    """The lines of a unified diff (`-` what was applied, `+` what the file holds), at most MOST_LINES and one that counts the
    rest. The lines are not escaped. Takes time in proportion to the sizes.
    """
    before, after = _lines(applied), _lines(file)
    start = _common(before, after)
    room = min(len(before), len(after)) - start
    end = min(room, _common(before[::-1], after[::-1]))
    first = max(0, start - _CONTEXT)
    changed = [before[first : len(before) - end], after[first : len(after) - end]]
    tail = before[len(before) - end :][:_CONTEXT]
    if max(map(len, changed)) > _COMPARED:
        return _shown([*_some("-", changed[0]), *_some("+", changed[1])])
    diff = difflib.unified_diff(changed[0] + tail, changed[1] + tail, n=_CONTEXT, lineterm="")
    lines = [line for line in islice(diff, _HEADING, None) if not line.startswith("@@")]
    return _shown(_bounded(lines))


def _some(mark: str, lines: Sequence[str]) -> list[str]:
    """The first ones, where comparing line by line would take a time that grows with the square of their number."""
    kept = MOST_LINES // 2
    more = len(lines) - kept
    return [*(f"{mark}{line}" for line in lines[:kept]), *([f"{mark}… {more:,} more lines"] if more > 0 else [])]


def _lines(statements: Sequence[str]) -> list[str]:
    text = "".join(f"{one};\n" for one in statements)
    return text.removesuffix("\n").split("\n") if text else []


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _bounded(lines: Sequence[str]) -> list[str]:
    if len(lines) <= MOST_LINES:
        return list(lines)
    return [*lines[:MOST_LINES], f" … {len(lines) - MOST_LINES:,} more lines"]


def _shown(lines: Sequence[str]) -> tuple[str, ...]:
    """Without secrets, those among them that take several lines, such as a private key."""
    text = redact("\n".join(line[:_LONGEST_REDACTED] for line in lines))
    masked = _PASSWORD.sub(rf"\g<word>{MARK}", text)
    return tuple(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in masked.split("\n"))
