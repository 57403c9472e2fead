"""What a statement is, by its leading words: whether it runs inside a transaction, ends one, or builds an index concurrently."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final, Literal

from pointsctl.model.statement_words import Token, tokens

Control = Literal["begin", "commit", "rollback", "savepoint", "release", "prepare"]
"""What a statement does to the transaction; `rollback` is the end of all of it, `savepoint` includes `rollback to`,
`prepare` is PREPARE TRANSACTION.
"""

# How many tokens tell what it is, and how many the rules below look at: the longest looks for a word after a name with a
# schema, a list of options, and another name.
_BEGINNING: Final = 4
_LOOKED_AT: Final = 60
_LOOKED_FURTHER: Final = ("REINDEX", "CLUSTER", "ALTER TABLE", "ALTER DATABASE", "ALTER SUBSCRIPTION", "DROP INDEX")
_CONTROL: Final[dict[str, Control]] = {
    "BEGIN": "begin",
    "START TRANSACTION": "begin",
    "COMMIT": "commit",
    "END": "commit",
    "ROLLBACK": "rollback",
    "ABORT": "rollback",
    "SAVEPOINT": "savepoint",
    "RELEASE": "release",
    "PREPARE TRANSACTION": "prepare",
}
# PostgreSQL's manual, part VI: "cannot be executed inside a transaction block", or as subscriptions, only with options.
_ALONE: Final = (
    "VACUUM",
    "CREATE DATABASE",
    "DROP DATABASE",
    "CREATE TABLESPACE",
    "DROP TABLESPACE",
    "CREATE SUBSCRIPTION",
    "DROP SUBSCRIPTION",
    "ALTER SYSTEM",
    "DISCARD ALL",
    "REINDEX SCHEMA",
    "REINDEX DATABASE",
    "REINDEX SYSTEM",
)
_OF_SUBSCRIPTIONS: Final = {"REFRESH", "PUBLICATION"}
# What may stand between the verb and the object's own word, or is it.
_OBJECTS: Final = re.compile(
    r"""
    ACCESS | AGGREGATE | ALL | CAST | CLASS | COLLATION | COLUMN | CONCURRENTLY | CONFIGURATION | CONSTRAINT |
    CONVERSION | DATA | DATABASE | DEFAULT | DICTIONARY | DOMAIN | EVENT | EXTENSION | FAMILY | FOREIGN | FROM |
    FUNCTION | GLOBAL | INDEX | INTO | LANGUAGE | LARGE | LOCAL | MAPPING | MATERIALIZED | METHOD | OBJECT |
    OPERATOR | OR | OWNED | PARSER | POLICY | PREPARED | PRIVILEGES | PROCEDURAL | PROCEDURE | PUBLICATION |
    RECURSIVE | REPLACE | ROLE | ROUTINE | RULE | SCHEMA | SEARCH | SECURITY | LABEL | SEQUENCE | SERVER |
    STATISTICS | SUBSCRIPTION | SYSTEM | TABLE | TABLESPACE | TEMP | TEMPLATE | TEMPORARY | TEXT | TRANSACTION |
    TRANSFORM | TRIGGER | TRUSTED | TYPE | UNIQUE | UNLOGGED | USER | VIEW | WRAPPER
    """,
    re.VERBOSE,
)
_VERBS_WITH_OBJECTS: Final = frozenset({"CREATE", "DROP", "ALTER", "COMMENT", "REFRESH", "REINDEX"})
_PAIRS: Final = frozenset(
    {"START TRANSACTION", "PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED", "DISCARD ALL"}
    | {"SECURITY LABEL", "SET ROLE", "RESET ROLE"}
)
_MORE_WORDS: Final = _VERBS_WITH_OBJECTS | {"CLUSTER"} | {pair.partition(" ")[0] for pair in _PAIRS}
_MOST_WORDS: Final = 4


@dataclass(frozen=True)
class ConcurrentIndex:
    """A CREATE INDEX CONCURRENTLY: the index's name (None where the server chooses it), its table, as the catalogue spells
    them (folded unless quoted); a schema is None where search_path decides.
    """

    name: str | None
    schema: str | None
    table: str
    if_not_exists: bool
    unique: bool


@dataclass(frozen=True)
class StatementKind:
    """`words` are the statement's first words, in capitals, for people (`CREATE INDEX CONCURRENTLY`); "" when it is empty
    or holds only comments.
    """

    words: str
    runs_in_transaction: bool = True
    control: Control | None = None
    concurrent_index: ConcurrentIndex | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing but comments is there."""
        return not self.words


def statement_kind(text: str) -> StatementKind:
    """What the statement is. Never raises; what it does not know runs in a transaction."""
    rest = tokens(text)
    found = tuple(islice(rest, 1))
    if not found:
        return StatementKind("")
    if found[0].word in _MORE_WORDS:
        found += tuple(islice(rest, _BEGINNING))
    title = _title(found)
    if title.startswith(_LOOKED_FURTHER) or title.endswith("INDEX CONCURRENTLY"):
        found += tuple(islice(rest, _LOOKED_AT))
        title = _title(found)
    return StatementKind(
        title,
        runs_in_transaction=not _stands_alone(title, found),
        control=_control(title, found),
        concurrent_index=_concurrent_index(found) if title.endswith("INDEX CONCURRENTLY") else None,
    )


def _title(found: Sequence[Token]) -> str:
    first = found[0].word
    if not first:
        return found[0].value[:1] or "?"
    if len(found) > 1 and f"{first} {found[1].word}" in _PAIRS:
        return f"{first} {found[1].word}"
    if first not in _VERBS_WITH_OBJECTS:
        return first
    title = [first]
    for token in _without_options(found)[1:_MOST_WORDS]:
        if not _OBJECTS.fullmatch(token.word):
            break
        title.append(token.word)
    return " ".join(title)


def _without_options(found: Sequence[Token]) -> Sequence[Token]:
    """REINDEX (VERBOSE) TABLE as REINDEX TABLE."""
    if len(found) < 2 or found[1].value != "(":
        return found
    end = next((index for index, token in enumerate(found) if token.value == ")"), len(found))
    return (found[0], *found[end + 1 :])


def _control(title: str, found: Sequence[Token]) -> Control | None:
    if title in ("COMMIT PREPARED", "ROLLBACK PREPARED"):
        return "commit" if title.startswith("COMMIT") else "rollback"
    rest = [token.word for token in found[1:4] if token.word not in ("WORK", "TRANSACTION")]
    if title == "ROLLBACK" and rest[:1] == ["TO"]:
        return "savepoint"
    return _CONTROL.get(title)


def _stands_alone(title: str, found: Sequence[Token]) -> bool:
    listed = [token.word for token in found]
    if title in _ALONE or title in ("COMMIT PREPARED", "ROLLBACK PREPARED"):
        return True
    concurrently = "CONCURRENTLY" in listed
    if title.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX", "DROP INDEX", "REINDEX")):
        return concurrently or title.startswith(_ALONE)
    if title == "ALTER TABLE":
        return concurrently and "DETACH" in listed
    if title == "ALTER DATABASE":
        return any(pair == ("SET", "TABLESPACE") for pair in pairwise(listed))
    if title == "ALTER SUBSCRIPTION":
        return not _OF_SUBSCRIPTIONS.isdisjoint(listed)
    return title == "CLUSTER" and not any(
        token.identifier for token in _without_options(found)[1:] if token.word != "VERBOSE"
    )


def _concurrent_index(found: Sequence[Token]) -> ConcurrentIndex | None:
    """The rest of CREATE [UNIQUE] INDEX CONCURRENTLY [[IF NOT EXISTS] name] ON [ONLY] [schema.]table."""
    listed = [token.word for token in found]
    if listed[0] != "CREATE":
        return None
    rest = list(found[listed.index("CONCURRENTLY") + 1 :])
    if_not_exists = [token.word for token in rest[:3]] == ["IF", "NOT", "EXISTS"]
    if if_not_exists:
        del rest[:3]
    name = None if not rest or rest[0].word == "ON" else rest.pop(0).identifier
    if not rest or rest.pop(0).word != "ON":
        return None
    if rest and rest[0].word == "ONLY":
        del rest[0]
    schema, table = _qualified(rest)
    if table is None:
        return None
    return ConcurrentIndex(name, schema, table, if_not_exists, unique=listed[1] == "UNIQUE")


def _qualified(rest: Sequence[Token]) -> tuple[str | None, str | None]:
    if not rest:
        return None, None
    if len(rest) > 2 and rest[1].value == ".":
        return rest[0].identifier, rest[2].identifier
    return None, rest[0].identifier
