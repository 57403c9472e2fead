"""The lexical elements of PostgreSQL's SQL (its manual, 4.1) that readers of whole files share, each read in linear time."""

from __future__ import annotations

import re
from typing import Final

# Only ASCII letters have two cases here: with Python's own rules a dotless i would be an i.
FLAGS: Final = re.VERBOSE | re.IGNORECASE | re.ASCII

NO_WORD: Final = r"\x00-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f"
"""What an identifier cannot hold, for a character class. The other way round, classes up to the last character of Unicode take
longer to compile than everything else takes to start.
"""

ELEMENTS: Final = rf"""
    (?<!e)'[^']*+'
    | (?<=[{NO_WORD}]e)'(?:[^'\\]++|\\(?:.|\n)|'')*+'(?![\ \t\n\r\f\v-])
    | "[^"]*+"
    | --[^\n\r]*+
    | -(?!-)
    | /\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/
    | /(?!\*)
    | (?<=[^{NO_WORD}])\$
"""
"""What begins with a quote, `-`, `/` or `$` and is closed without a surprise: no nesting, no dollar quote, and after a text with
backslashes nothing that could continue it.

A quote that is doubled inside of a text is the end of one and the beginning of another here, which comes to the same.
"""

DOLLAR_TAG: Final = re.compile(rf"\$[^{NO_WORD}$]*+\$?", FLAGS)
_BLANK = re.compile(r"(?: [\ \t\n\r\f\v]++ | --[^\n\r]*+ | /\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/ )*+", FLAGS)
_ESCAPED = re.compile(r"'(?:[^'\\]++|\\(?:.|\n)|'')*+'", FLAGS)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def comment_end(text: str, position: int) -> int | None:
    """Where the block comment that begins at `position` ends, comments inside of it included; None when it does not."""
    level = 0
    for edge in _COMMENT_EDGE.finditer(text, position):
        level += 1 if edge[0] == "/*" else -1
        if not level:
            return edge.end()
    return None


def escaped_end(text: str, position: int) -> int | None:
    """Where the text with backslashes ends whose quote is at `position`; None when it does not."""
    match = _ESCAPED.match(text, position)
    return match.end() if match else None


def blank_end(text: str, position: int) -> int:
    """Where spaces and comments from `position` on end; a comment that does not end is not skipped."""
    while True:
        match = _BLANK.match(text, position)
        position = match.end() if match else position
        end = comment_end(text, position) if text.startswith("/*", position) else None
        if end is None:
            return position
        position = end
