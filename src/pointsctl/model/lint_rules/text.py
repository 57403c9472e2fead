"""What stands around the statements: comments that silence the linter, and bytes that people do not see."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pointsctl.model.lint import Found, Level, Rule

BLANKET_SUPPRESSION = Rule(
    "blanket-suppression",
    Level.ERROR,
    "a comment silences the linter for a whole file",
    "what is added to the file later is not looked at either; the comment is not obeyed here",
    "name the rule before the one statement (`-- squawk-ignore RULE`), or waive the findings in the checklist",
)
SUPPRESSION_WITHOUT_REASON = Rule(
    "suppression-without-reason",
    Level.WARNING,
    "a comment silences the linter and says no reason",
    "nobody can tell later whether it was meant",
    "write the reason as a comment in the line above it, and name the rule",
)
BYTE_ORDER_MARK = Rule(
    "byte-order-mark",
    Level.NOTE,
    "the file begins with a byte order mark",
    "tools disagree on whether it belongs to the first statement",
    "save the file as UTF-8 without one",
)
CARRIAGE_RETURN = Rule(
    "carriage-return",
    Level.NOTE,
    "lines end with a carriage return",
    "texts and function bodies keep them, and the file differs from the same one checked out elsewhere",
    "set `*.sql text eol=lf` in .gitattributes",
)
RULES = (BLANKET_SUPPRESSION, SUPPRESSION_WITHOUT_REASON, BYTE_ORDER_MARK, CARRIAGE_RETURN)

BLANKET = re.compile(rb"squawk-ignore-file")
_NAMED = re.compile(r"(?:--|/\*)\s*squawk-ignore(?!-file)\b[ \t]*([^\n*]*)")
_COMMENT = re.compile(r"\s*--\s*(.*)")
_SHORTEST_REASON = 10
_MARK = b"\xef\xbb\xbf"


def found(content: bytes) -> Iterator[tuple[Found, str]]:
    """The findings of this theme in a file's bytes, each with the words that its key follows from."""
    whole = content.decode("utf-8", "replace")
    for match in BLANKET.finditer(content):
        # What is silenced is the file, so the key follows from all of it.
        yield Found(BLANKET_SUPPRESSION, content.count(b"\n", 0, match.start()) + 1), whole
    lines = whole.split("\n")
    for number, line in enumerate(lines, start=1):
        named = _NAMED.search(line)
        if named is None or (named[1].strip() and _says_why(lines[number - 2] if number > 1 else "")):
            continue
        silenced = "\n".join(lines[number - 1 : number + 1])
        yield Found(SUPPRESSION_WITHOUT_REASON, number, named[1].strip() or "no rule"), silenced
    if content.startswith(_MARK):
        yield Found(BYTE_ORDER_MARK, 1), ""
    if b"\r\n" in content:
        yield Found(CARRIAGE_RETURN, content.count(b"\n", 0, content.index(b"\r\n")) + 1), ""


def _says_why(line: str) -> bool:
    comment = _COMMENT.fullmatch(line.rstrip("\r"))
    return comment is not None and len(comment[1].strip()) >= _SHORTEST_REASON and "squawk-ignore" not in comment[1]


def without_blankets(content: bytes) -> bytes:
    """The same bytes, place by place, without what would silence the linter for the file, and without the mark."""
    # As many characters of the same width, so that lines and columns stay.
    return BLANKET.sub(b"squawk_ignore_file", content.removeprefix(_MARK))
