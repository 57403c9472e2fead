"""Where PostgreSQL's own client ends statements: its lexer (the manual, 4.1), its parentheses, its BEGIN ATOMIC bodies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pointsctl.model.sql_lexemes import ELEMENTS, FLAGS, NO_WORD, blank_end, comment_end, escaped_end

_OPENING_TAG = re.compile(rf"\$(?:[^{NO_WORD}0-9$][^{NO_WORD}$]*+)?\$", FLAGS)
_PLAIN = rf"[^'\"$\-/\\;()]++ | {ELEMENTS}"
_FLAT = rf"\((?: {_PLAIN} | ; )*+\)"
_RUN = re.compile(rf"(?: {_PLAIN} | \((?: {_PLAIN} | ; | {_FLAT} )*+\) )*+", FLAGS)
_IN_PARENTHESES = re.compile(rf"(?: {_PLAIN} | ; | {_FLAT} )*+", FLAGS)
# In a function that is made, the words that open and close a body are counted, outside of parentheses.
_BODY_WORD = re.compile(rf"(?:begin|case|end)(?![^{NO_WORD}])", FLAGS)
_WITH_BODY = re.compile(
    rf"""(?: [\x00-\x21\x23\x25\x26*+,.0-9:<-@[\]^`\x7b-\x7f]++ | {ELEMENTS}
    | (?!(?:begin|case|end)(?![^{NO_WORD}]))[^{NO_WORD}0-9$][^{NO_WORD}]*+
    | \((?: {_PLAIN} | ; | {_FLAT} )*+\) )*+""",
    FLAGS,
)
_IN_WORD = re.compile(rf"[^{NO_WORD}]", FLAGS)
_MAKES = re.compile(rf"(?:create|or|replace)(?![^{NO_WORD}])", FLAGS)
_ROUTINE = re.compile(rf"(?:function|procedure)(?![^{NO_WORD}])", FLAGS)


@dataclass(frozen=True)
class Read:
    """`cuts` are the positions after each `;` that ends a statement. `backslash` is where the first one outside of texts is;
    `unclosed` where something begins that has no end, and what.
    """

    cuts: tuple[int, ...]
    backslash: int | None
    unclosed: tuple[int, str] | None


def read_as_psql(text: str) -> Read:
    """Read the whole text. Never raises; takes time in proportion to its length."""
    return _Reader(text).read()


class _Reader:
    """Walks over the text. `_open` are the positions of open parentheses, `_depth` counts the bodies that are open."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._cuts: list[int] = []
        self._open: list[int] = []
        self._depth = 0
        self._backslash: int | None = None
        self._unclosed: tuple[int, str] | None = None
        self._readers: Mapping[str, Callable[[int], int]] = {
            ";": self._semicolon,
            "(": self._opening,
            ")": self._closing,
            "'": self._quote,
            '"': self._name,
            "$": self._dollar,
            "/": self._comment,
            "\\": self._meta_command,
        }

    def read(self) -> Read:
        text, position = self._text, 0
        self._makes_routine = _makes_routine(text, 0)
        while True:
            match = self._run().match(text, position)
            position = match.end() if match else position
            if position >= len(text):
                break
            position = self._readers.get(text[position], self._word)(position)
        if self._open and self._unclosed is None:
            self._unclosed = (self._open[-1], "a parenthesis")
        return Read(tuple(self._cuts), self._backslash, self._unclosed)

    def _run(self) -> re.Pattern[str]:
        if self._open:
            return _IN_PARENTHESES
        return _WITH_BODY if self._makes_routine else _RUN

    def _never_ends(self, position: int, what: str) -> int:
        self._unclosed = (position, what)
        return len(self._text)

    def _semicolon(self, position: int) -> int:
        if not self._depth:
            self._cuts.append(position + 1)
            self._makes_routine = _makes_routine(self._text, position + 1)
        return position + 1

    def _opening(self, position: int) -> int:
        self._open.append(position)
        return position + 1

    def _closing(self, position: int) -> int:
        if self._open:
            self._open.pop()
        return position + 1

    def _quote(self, position: int) -> int:
        before = self._text[max(0, position - 2) : position]
        if before[-1:] in ("e", "E") and not _IN_WORD.match(before[:-1]):
            end = escaped_end(self._text, position)
            while end is not None and (again := _continued(self._text, end)) is not None:
                end = escaped_end(self._text, again)
        else:
            end = (self._text.find("'", position + 1) + 1) or None
        return self._never_ends(position, "a text in quotes") if end is None else end

    def _name(self, position: int) -> int:
        return self._never_ends(position, "a name in quotes")

    def _dollar(self, position: int) -> int:
        tag = _OPENING_TAG.match(self._text, position)
        if tag is None:
            return position + 1
        end = self._text.find(tag[0], tag.end())
        return self._never_ends(position, "a dollar-quoted text") if end < 0 else end + len(tag[0])

    def _comment(self, position: int) -> int:
        end = comment_end(self._text, position)
        return self._never_ends(position, "a comment") if end is None else end

    def _meta_command(self, position: int) -> int:
        if self._backslash is None:
            self._backslash = position
        return position + 1

    def _word(self, position: int) -> int:
        """BEGIN, CASE or END of a routine, counted as psql counts them."""
        match = _BODY_WORD.match(self._text, position)
        if match is None:
            return position + 1
        word = match[0].lower()
        if word == "begin" or (word == "case" and self._depth):
            self._depth += 1
        elif word == "end" and self._depth:
            self._depth -= 1
        return match.end()


_LINE_BREAK = re.compile(r"(?: [\ \t\n\r\f\v] | --[^\n\r]*+[\n\r] )*+(?=')", FLAGS)


def _continued(text: str, position: int) -> int | None:
    """Where the same text goes on in another line."""
    gap = _LINE_BREAK.match(text, position)
    return gap.end() if gap and ("\n" in gap[0] or "\r" in gap[0]) else None


def _makes_routine(text: str, position: int) -> bool:
    """Whether the statement at `position` begins with CREATE [OR REPLACE] FUNCTION or PROCEDURE."""
    position = blank_end(text, position)
    if text[position : position + 6].lower() != "create":
        return False
    while (word := _MAKES.match(text, position)) is not None:
        position = blank_end(text, word.end())
    return _ROUTINE.match(text, position) is not None
