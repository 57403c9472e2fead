"""Makes text that came from databases and people safe to show: on a terminal, in a CI log, in Markdown."""

from __future__ import annotations

import re

LIMIT = 2_000
"""Characters kept of one text; a report is read by people, and the whole value stays in the JSON document."""

# GitHub's runner obeys `::name ...::` at the start of a line (after blanks, in any case), and it and others obey
# `##[name]`, `##vso[...]` or `##teamcity[...]` anywhere in one. Of the first only the names that it knows are broken up, so
# that a cast such as `now()::date` stays readable.
_COMMAND = re.compile(
    r"::(?=(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|internal-set-repo-path|notice|remove-matcher"
    r"|save-state|set-env|set-output|stop-commands|warning)(?![\w-]))",
    re.IGNORECASE,
)

HASH_COMMAND = re.compile(r"##(?=\w*\[)")
"""The start of such a command that may stand anywhere in a line."""

# Entities are text to every Markdown parser, never structure (CommonMark 6.2). The zero-width space keeps `@name` and
# `#1` from becoming a mention or a reference, which are looked for only after entities have been decoded.
_MARKDOWN = {ord(char): f"&#{ord(char)};" for char in "&<>|`*[]~\\$"} | {
    ord("@"): "&#64;&#8203;",
    ord("#"): "&#35;&#8203;",
}
# An underscore inside a word and a colon before a blank mean nothing, and names with underscores are everywhere.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_COLON = re.compile(r":(?! )")
_LINK_WORDS = re.compile(r"(?<![^\W_])(www(?=\.)|gh-(?=\d))", re.IGNORECASE)


def plain(text: str, limit: int = LIMIT) -> str:
    """One line of printable characters.

    Control characters, line ends, escape sequences, direction overrides, invisible characters and lone surrogates become
    visible escapes such as `\\x1b`; commands to a CI runner are broken up; more than `limit` characters are cut and counted.
    """
    kept = text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"
    visible = kept if kept.isprintable() else "".join(map(_visible, kept))
    return HASH_COMMAND.sub(r"\\x23#", _COMMAND.sub(r"\\x3a:", visible))


def markdown(text: str, limit: int = LIMIT) -> str:
    """`plain` text that stays text inside a Markdown paragraph or table cell: no markup, HTML, link, mention or reference."""
    escaped = plain(text, limit).translate(_MARKDOWN)
    for pattern, replacement in ((_UNDERSCORE, "&#95;"), (_COLON, "&#58;"), (_LINK_WORDS, r"\1&#8203;")):
        escaped = pattern.sub(replacement, escaped)
    return escaped


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
