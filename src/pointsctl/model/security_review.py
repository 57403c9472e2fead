"""Whether migrations need a security review: decided from their texts, over-inclusive on purpose, never by their authors. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from pointsctl.model.escape import plain
from pointsctl.model.sql_text import read_sql

ROLE = "security"
"""The role that must sign when a review is needed."""

_MOST_REASONS = 60
_LONGEST_NAME = 200
_LONGEST_WHY = 120

# A name may begin after a digit (`COST 1SECURITY DEFINER` is read by older servers), and `$` belongs to names.
_BEFORE, _AFTER = r"(?<![^\W\d])", r"(?!\w)"
_NAME = r'(?:[\w$]+|"[\w $-]+")(?:\.(?:[\w$]+|"[\w $-]+"))?'
_COLUMNS = r"\([^()'\"$]*\)"
_INVOKER = r"with\s*\(\s*security_invoker\s*=\s*(?:true|on|1)\s*\)"

_WORDS: Mapping[str, tuple[str, ...]] = {
    "policies": ("policy",),
    "row level security": (r"row\s+level\s+security", "row_security"),
    "grants": ("grant", "revoke", "privileges"),
    "roles or ownership": (
        "role",
        "owner",
        "owned",
        "authorization",
        "session_authorization",
        "superuser",
        "bypassrls",
        r"(?:create|alter|drop)\s+(?:user|group)",
        r"pg_auth\w*",
    ),
    "definer rights": ("definer", "leakproof"),
    # What a function is by now only the database knows; replacing one takes its definer rights away, too.
    "functions that may have definer rights": (r"(?:or\s+replace|alter|drop)\s+(?:function|procedure|routine)",),
    "the system catalogs": (
        r'(?:insert\s+into|delete\s+from|merge\s+into|update|copy)\s+(?:only\b\s*)?\(?\s*(?:"?pg_catalog"?\s*\.\s*)?"?pg_\w+',
    ),
    "views": (
        rf"view(?!\s+(?:if\s+not\s+exists\s+)?{_NAME}\s*(?:{_COLUMNS}\s*)?{_INVOKER}\s*as\b)",
        r"security_invoker(?!\s*=\s*(?:true|on|1)\b)",
        "rule",
    ),
    "extensions or languages": (
        "extension",
        r"language(?:\s+|\s*(?:e?'|\"|\$\w*\$))(?:c|internal|\w+u)",
        r"create\s+(?:\w+\s+){0,4}language",
        r"load(?=\s*(?:e?'|\$))",
    ),
    "DO blocks": (r"do(?=\s*(?:\$|[eu]?&?'|language))",),
    "dynamic SQL": (
        rf"execute(?!\s+(?:function|procedure)\s+{_NAME}\s*\()",
        "prepare",
        r"query_to_xml\w*",
        r"dblink\w*",
        "cron",
    ),
    "settings of the session or server": (
        "search_path",
        "set_config",
        "session_replication_role",
        "standard_conforming_strings",
        "allow_system_table_mods",
        r"alter\s+(?:system|database)",
    ),
    "triggers that are switched off": (
        r"(?:disable|enable)\s+(?:(?:replica|always)\s+)?(?:trigger|rule)",
        r"event\s+trigger",
    ),
    "the auth schema": ("auth",),
    "what leaves the database": (
        "publication",
        "subscription",
        r"foreign\s+data",
        r"user\s+mapping",
        r"(?:to|from)\s+program",
        r"(?:create|alter)\s+server",
    ),
    "other schemas": (r"set\s+schema",),
    "security labels": (r"security\s+label", "security_barrier"),
    "the ledger": (r"migration_audit\w*",),
    "names written with escapes": (r'u&(?=["\'])',),
}
_PATTERNS = {
    topic: re.compile(rf"{_BEFORE}(?:{'|'.join(words)}){_AFTER}", re.IGNORECASE) for topic, words in _WORDS.items()
}


def review_reasons(migrations: Mapping[str, bytes | None]) -> tuple[str, ...]:
    """Why these migrations (content by file name, None for one too large to be searched) need a security review.

    Each reason is a line such as `20250101_x.sql:12 touches grants`, the first place of each kind in a file; empty when none
    is needed. Comments do not count; everything else does, texts and quoted bodies too.
    """
    reasons = [reason for name in sorted(migrations) for reason in _of_file(name, migrations[name])]
    if len(reasons) <= _MOST_REASONS:
        return tuple(reasons)
    return (*reasons[:_MOST_REASONS], f"and {len(reasons) - _MOST_REASONS:,} more places")


def _of_file(name: str, content: bytes | None) -> Iterator[str]:
    name = plain(name, _LONGEST_NAME)
    if content is None:
        yield f"{name}:1 is too large to be searched"
        return
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield f"{name}:{content.count(10, 0, error.start) + 1} is not UTF-8"
        return
    read = read_sql(text)
    if read.unclear is not None:
        line, why = read.unclear
        yield f"{name}:{line} cannot be read for sure: {why[:_LONGEST_WHY]}"
    ends = [found.start() for found in re.finditer("\n", read.searchable)]
    places = [
        (found.start(), topic) for topic, pattern in _PATTERNS.items() if (found := pattern.search(read.searchable))
    ]
    for place, topic in sorted(places):
        yield f"{name}:{bisect_left(ends, place) + 1} touches {topic}"
