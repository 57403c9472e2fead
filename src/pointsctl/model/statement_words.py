"""The words of one SQL statement, without its comments and texts: enough to tell what kind of statement it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pointsctl.model.sql_lexemes import FLAGS, NO_WORD, blank_end, escaped_end

_BOM = "\ufeff"
_TOKEN = re.compile(
    rf"""
    (?P<escaped>e(?='))
    | (?P<name>(?:u&)?"(?:[^"]++|"")*+")
    | (?P<word>[^{NO_WORD}0-9$][^{NO_WORD}]*+)
    | (?P<text>'[^']*+')
    | (?P<dollar>\$(?:[^{NO_WORD}0-9$][^{NO_WORD}$]*+)?\$)
    | (?P<unclosed>["']|/\*)
    | (?P<other>.|\n)
    """,
    FLAGS,
)


@dataclass(frozen=True)
class Token:
    """A word as written, a name in quotes as the catalogue has it, a text (empty: nobody needs it), or one other character."""

    kind: Literal["word", "name", "text", "other"]
    value: str

    @property
    def word(self) -> str:
        """The word in capitals, "" for anything else."""
        return self.value.upper() if self.kind == "word" else ""

    @property
    def identifier(self) -> str | None:
        """The name as the catalogue has it; None when it is no name."""
        if self.kind == "word":
            # PostgreSQL folds ASCII letters only, in every encoding with more than one byte.
            return "".join(one.lower() if one < "\x80" else one for one in self.value)
        return self.value if self.kind == "name" else None


def tokens(text: str) -> Iterator[Token]:
    """The statement's tokens, read one by one as they are asked for. Never raises."""
    position = len(text) - len(text.lstrip(_BOM))
    while (position := blank_end(text, position)) < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup == "unclosed":
            return
        kind, position = str(match.lastgroup), match.end()
        if kind == "escaped":
            position = escaped_end(text, position) or len(text)
        elif kind == "dollar":
            end = text.find(match[0], position)
            position = end + len(match[0]) if end >= 0 else len(text)
        yield _token(kind, match[0])


def words(text: str) -> Iterator[str]:
    """The words in capitals, in order."""
    return (token.word for token in tokens(text) if token.word)


def _token(kind: str, text: str) -> Token:
    if kind == "name":
        return Token("name", text[text.index('"') + 1 : -1].replace('""', '"'))
    if kind in ("escaped", "dollar", "text"):
        return Token("text", "")
    return Token("word" if kind == "word" else "other", text)
