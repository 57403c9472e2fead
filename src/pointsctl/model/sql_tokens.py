"""A statement as words, names, texts and signs, as PostgreSQL lexes them (its manual, 4.1), each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

MOST_TOKENS = 200_000
"""Tokens that are read of one text; a statement with more is data, and told as not read to its end."""

_IDENTIFIER = r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*+"
_TOKEN = re.compile(
    rf"""
    (?P<skip>\s++|--[^\n\r]*+)
    | (?P<block>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|''|\\.)*+')
    | (?P<text>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*+')
    | (?P<name>(?:[uU]&)?"(?:[^"]|"")*+")
    | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*+)?)\$)
    | (?P<word>{_IDENTIFIER})
    | (?P<number>[0-9][A-Za-z0-9_.]*+)
    | (?P<sign>::|:=|\|\||.)
    """,
    re.VERBOSE | re.DOTALL,
)
_EDGE = re.compile(r"/\*|\*/")
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_UNICODE_ESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{4})|\+([0-9A-Fa-f]{6}))")


class TokenKind(StrEnum):
    """What a token is; a `text` is a string in any kind of quotes, dollars included."""

    WORD = "word"
    NAME = "name"
    TEXT = "text"
    NUMBER = "number"
    SIGN = "sign"


class Token(NamedTuple):
    """One token. `value` is folded to lower case for a word, and without its quotes for a name or text; `line` is where its
    value begins.
    """

    kind: TokenKind
    value: str
    line: int

    def word(self, *words: str) -> bool:
        """Whether it is one of these words; a quoted name is never a word of the language."""
        return self.kind is TokenKind.WORD and self.value in words

    def sign(self, sign: str) -> bool:
        """Whether it is this sign."""
        return self.kind is TokenKind.SIGN and self.value == sign

    @property
    def identifier(self) -> bool:
        """Whether it can name something."""
        return self.kind in (TokenKind.WORD, TokenKind.NAME)


def tokens(text: str, line: int = 1) -> tuple[Token, ...]:
    """The tokens of a text without its comments; `line` is the number of its first line.

    Never raises: a quote that does not end is a sign. Reads at most `MOST_TOKENS`.
    """
    found: list[Token] = []
    for token in tokens_from(text, line):
        found.append(token)
        if len(found) == MOST_TOKENS:
            break
    return tuple(found)


def tokens_from(text: str, line: int = 1) -> Iterator[Token]:
    """The same, one after the other and without an end."""
    position = counted = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return
        line += text.count("\n", counted, position)
        counted, position = position, match.end()
        kind = match.lastgroup
        if kind == "block":
            position = _after_comment(text, position)
        elif kind == "dollar":
            end = text.find(match[0], position)
            content = text[position:] if end < 0 else text[position:end]
            yield Token(TokenKind.TEXT, content, line)
            position = len(text) if end < 0 else end + len(match[0])
        elif kind != "skip":
            yield _token(str(kind), match[0], line)


def _after_comment(text: str, position: int) -> int:
    level = 1
    while level:
        edge = _EDGE.search(text, position)
        if edge is None:
            return len(text)
        level += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position


def _token(kind: str, text: str, line: int) -> Token:
    if kind == "escaped":
        return Token(TokenKind.TEXT, _ESCAPE.sub(_unescaped, text[2:-1].replace("''", "'")), line)
    if kind == "text":
        return Token(TokenKind.TEXT, _unquoted(text, "'"), line)
    if kind == "name":
        return Token(TokenKind.NAME, _unquoted(text, '"'), line)
    if kind == "word":
        return Token(TokenKind.WORD, text.lower(), line)
    return Token(TokenKind.NUMBER if kind == "number" else TokenKind.SIGN, text, line)


def _unquoted(text: str, quote: str) -> str:
    content = text[text.index(quote) + 1 : -1].replace(quote * 2, quote)
    return _UNICODE_ESCAPE.sub(_unescaped, content) if text[:2] in ("u&", "U&") else content


def _unescaped(escape: re.Match[str]) -> str:
    if escape.re is _UNICODE_ESCAPE:
        code = int(escape[1] or escape[2], 16)
    elif escape[5] is not None:
        return {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(escape[5], escape[5])
    else:
        code = int(escape[1], 8) % 256 if escape[1] else int(escape[2] or escape[3] or escape[4], 16)
    return chr(code) if code < 0x110000 else " "


def normalised(text: str) -> str:
    """The statement in one line: no comments, one blank between tokens, words in lower case; equal for equal statements."""
    return " ".join(_spelled(token) for token in tokens(text))


def _spelled(token: Token) -> str:
    if token.kind is TokenKind.TEXT:
        return "'" + token.value.replace("'", "''") + "'"
    if token.kind is TokenKind.NAME:
        return '"' + token.value.replace('"', '""') + '"'
    return token.value
