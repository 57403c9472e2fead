"""SQL without its comments, lexed as PostgreSQL does (its manual, 4.1): what is left can be searched for words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_DEEPEST = 12
_IDENTIFIER = r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*"
_TOKEN = re.compile(
    rf"""
    (?P<line>--[^\n\r]*)
    | (?P<block>/\*)
    | (?P<escaped>[eE]'(?:[^'\\]|''|\\.)*')
    | (?P<quoted>'(?:[^']|'')*')
    | (?P<name>(?:[uU]&)?"(?:[^"]|"")*")
    | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?)\$)
    | (?P<word>{_IDENTIFIER}|[0-9]+)
    | (?P<open>['"\\\x00])
    | (?P<other>\s+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_NOT_A_LINE_END = re.compile(r"[^\n]")
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
# In prose an apostrophe is common; in a statement, what looks like a comment could hide that two words belong together.
_COMMENTED = re.compile(r"--|/\*")


@dataclass(frozen=True)
class SqlText:
    """A text with every comment blanked out, line by line as it was; strings and dollar-quoted bodies stay, without their
    own comments. `unclear` says why it cannot be read for sure and in which line, None when it can.
    """

    searchable: str
    unclear: tuple[int, str] | None = None


def read_sql(text: str) -> SqlText:
    """The text as it can be searched. Never raises; what cannot be lexed is `unclear`, and searched as it stands."""
    try:
        return SqlText(_stripped(text, 0))
    except _UnclearError as error:
        return SqlText(text, (text.count("\n", 0, error.position) + 1, error.why))


class _UnclearError(Exception):
    def __init__(self, position: int, why: str) -> None:
        super().__init__(why)
        self.position = position
        self.why = why


def _stripped(text: str, depth: int) -> str:
    if depth > _DEEPEST:
        raise _UnclearError(0, "texts are quoted in texts too deeply")
    kept: list[str] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise _UnclearError(position, "a character that cannot be read")
        read = _READERS[str(token.lastgroup if token.lastgroup != "tag" else "dollar")]
        part, position = read(text, token, depth)
        kept.append(part)
    return "".join(kept)


_Reader = Callable[[str, "re.Match[str]", int], tuple[str, int]]


def _as_it_is(_text: str, token: re.Match[str], _depth: int) -> tuple[str, int]:
    return token[0], token.end()


def _line_comment(_text: str, token: re.Match[str], _depth: int) -> tuple[str, int]:
    return _blank(token[0]), token.end()


def _block_comment(text: str, token: re.Match[str], _depth: int) -> tuple[str, int]:
    """Block comments nest."""
    level, position = 1, token.end()
    while level:
        edge = _BLOCK_EDGE.search(text, position)
        if edge is None:
            raise _UnclearError(token.start(), "a comment that does not end")
        level += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return _blank(text[token.start() : position]), position


def _quoted(_text: str, token: re.Match[str], depth: int) -> tuple[str, int]:
    content = token[0][1:-1]
    # Where a backslash means itself or not is a setting of the server's; such a text may end somewhere else for it.
    if "\\'" in token[0]:
        raise _UnclearError(token.start(), "a backslash before a quote, which servers read differently")
    return f"'{_inner(content.replace(chr(39) * 2, chr(39)), token.start(), depth)}'", token.end()


def _escaped(_text: str, token: re.Match[str], depth: int) -> tuple[str, int]:
    content = _ESCAPE.sub(_unescaped, token[0][2:-1].replace("''", "'"))
    return f"e'{_inner(content, token.start(), depth)}'", token.end()


def _unescaped(escape: re.Match[str]) -> str:
    octal, short, four, eight, plain = escape.groups()
    if plain is not None:
        return plain if plain not in "bfnrt" else " "
    code = int(octal, 8) % 256 if octal else int(short or four or eight, 16)
    # A line end that is written as an escape is none in the file.
    return chr(code) if code < 0x110000 and code not in (0x0A, 0x0D) else " "


def _dollar(text: str, token: re.Match[str], depth: int) -> tuple[str, int]:
    end = text.find(token[0], token.end())
    if end < 0:
        raise _UnclearError(token.start(), "a dollar-quoted text that does not end")
    content = text[token.end() : end]
    return f"{token[0]}{_inner(content, token.end(), depth)}{token[0]}", end + len(token[0])


def _open(_text: str, token: re.Match[str], _depth: int) -> tuple[str, int]:
    what = {"\\": "a backslash outside of a text", "\0": "a character that no database takes"}
    raise _UnclearError(token.start(), what.get(token[0], "a quote that is not closed"))


_READERS: dict[str, _Reader] = {
    "line": _line_comment,
    "block": _block_comment,
    "escaped": _escaped,
    "quoted": _quoted,
    "name": _as_it_is,
    "dollar": _dollar,
    "word": _as_it_is,
    "open": _open,
    "other": _as_it_is,
}


def _inner(content: str, start: int, depth: int) -> str:
    """A quoted text, which may be SQL itself: the body of a function, or what is executed.

    One that cannot be lexed is prose or another language and stays as it is, unless comments could be in it.
    """
    try:
        return _stripped(content, depth + 1)
    except _UnclearError as error:
        if _COMMENTED.search(content):
            raise _UnclearError(start, f"in a quoted text: {error.why}") from None
        return content


def _blank(comment: str) -> str:
    return _NOT_A_LINE_END.sub(" ", comment)
