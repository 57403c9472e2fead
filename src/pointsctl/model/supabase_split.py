"""Where the Supabase CLI 3.1.0 cuts a text into statements: at every `;` that its own, simpler lexer sees outside of quotes,
comments, parentheses and BEGIN ATOMIC bodies.

It differs from PostgreSQL in places, of which the parentheses matter most: the first `)` closes all that are open.
What PostgreSQL would read otherwise is refused by model/sql_soundness.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property

from pointsctl.model.sql_lexemes import DOLLAR_TAG, ELEMENTS, FLAGS, NO_WORD, blank_end, comment_end, escaped_end

Cut = tuple[int, int]
"""Where a piece of the text begins and ends, its `;` included."""

# In each place the run goes over everything at once that needs no thought; what stops it is looked at by hand.
_ELEMENTS = rf"{ELEMENTS} | [cC](?<!atomic) | \\(?:[^)]|(?=\)))"
_TOP = re.compile(
    rf"(?: [^'\"$\-/\\;(cC]++ | {_ELEMENTS} | \((?: [^'\"$\-/\\)cC]++ | {_ELEMENTS} )*+\) )*+",
    FLAGS,
)
_PARENTHESES = re.compile(rf"(?: [^'\"$\-/\\)cC]++ | {_ELEMENTS} )*+", FLAGS)
_BEGIN_ATOMIC = re.compile(rf"(?<![^{NO_WORD}])begin[\ \t\n\r\f\v]++atomic", FLAGS)
_END = re.compile(rf"(?<![^{NO_WORD}])end(?![^{NO_WORD}])", FLAGS)
_CONTINUED = re.compile(r"(?: [\ \t\n\r\f\v] | --[^\n\r]*+[\n\r] )*+(?=')", FLAGS)
_LINE_END = re.compile(r"[\n\r]")


def cut(text: str) -> tuple[Cut, ...]:
    """The pieces, which together are the whole text. Takes time in proportion to its length."""
    return _Cutter(text).pieces()


class _Cutter:
    """Walks over the text; `_inside` are the open parentheses (`(`, never two in a row) and BEGIN ATOMIC bodies (`a`)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._inside: list[str] = []
        self._start = 0
        self._cuts: list[Cut] = []
        self._readers: Mapping[str, Callable[[int], int]] = {
            ";": self._semicolon,
            "(": self._opening,
            ")": self._closing,
            "'": self._quote,
            "$": self._dollar,
            "/": self._comment,
            "c": self._atomic,
            "C": self._atomic,
        }

    def pieces(self) -> tuple[Cut, ...]:
        text, position = self._text, 0
        while True:
            run = _PARENTHESES if self._inside[-1:] == ["("] else _TOP
            match = run.match(text, position)
            position = match.end() if match else position
            if position >= len(text):
                break
            position = self._readers.get(text[position], self._to_the_end)(position)
        if self._start < len(text):
            self._cuts.append((self._start, len(text)))
        return tuple(self._cuts)

    def _to_the_end(self, _position: int) -> int:
        """What is opened here is never closed."""
        return len(self._text)

    def _semicolon(self, position: int) -> int:
        if self._inside:
            return self._body_statement(position + 1)
        self._cuts.append((self._start, position + 1))
        self._start = position + 1
        return position + 1

    def _opening(self, position: int) -> int:
        self._inside.append("(")
        return position + 1

    def _closing(self, position: int) -> int:
        self._inside.pop()
        return position + 1

    def _quote(self, position: int) -> int:
        """A text with backslashes, which another line may continue; any other that stops a run is not closed."""
        if not _escaping(self._text, position, self._start):
            end = self._text.find("'", position + 1)
            return end + 1 if end >= 0 else len(self._text)
        ended = escaped_end(self._text, position)
        while ended is not None:
            gap = _CONTINUED.match(self._text, ended)
            if gap is None or not _LINE_END.search(gap[0]):
                return ended
            ended = escaped_end(self._text, gap.end())
        return len(self._text)

    def _dollar(self, position: int) -> int:
        tag = DOLLAR_TAG.match(self._text, position)
        if tag is None:
            return position + 1
        if not tag[0].endswith("$") or len(tag[0]) < 2:
            return tag.end()
        # Its first `$` may be the last one of the opening tag: `$a$a$` is a whole text there.
        end = self._text.find(tag[0], position + 1)
        return end + len(tag[0]) if end >= 0 else len(self._text)

    def _comment(self, position: int) -> int:
        end = comment_end(self._text, position)
        return len(self._text) if end is None else end

    def _atomic(self, position: int) -> int:
        if position + 1 not in self._begin_atomic:
            return position + 1
        self._inside.append("a")
        return self._body_statement(position + 1)

    def _body_statement(self, position: int) -> int:
        """A statement of a BEGIN ATOMIC body begins: END as its first word ends the body."""
        begins = blank_end(self._text, position)
        if _END.match(self._text, begins):
            self._inside.pop()
            return begins + len("end")
        return position

    @cached_property
    def _begin_atomic(self) -> frozenset[int]:
        return frozenset(found.end() for found in _BEGIN_ATOMIC.finditer(self._text))


def _escaping(text: str, position: int, start: int) -> bool:
    """Whether the quote at `position` follows an E that is a word of its own, in the statement that begins at `start`."""
    before = text[max(start, position - 2) : position]
    return before[-1:] in ("e", "E") and not _is_word(before[:-1])


def _is_word(character: str) -> bool:
    return character >= "\x80" or character == "_" or character == "$" or character.isalnum()
