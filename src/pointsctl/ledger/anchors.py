"""Anchors: signed heads that are kept outside the database, where whoever may rewrite the ledger may not write."""

from __future__ import annotations

from dataclasses import dataclass

from pointsctl.errors import PointsctlError
from pointsctl.model.canonical import canonical_text
from pointsctl.model.ledger import Head
from pointsctl.model.statement import AnchorStatement, StatementError, read_statement
from pointsctl.model.strict_json import JsonError, parse_canonical

FOLDER = "anchors"
LONGEST = 256 * 1024
"""Bytes of an anchor at the most."""

_KEYS = frozenset(["signature", "statement"])


class AnchorError(PointsctlError):
    """What lies in the place of an anchor is none."""

    code = "anchor"


@dataclass(frozen=True)
class Anchor:
    """An anchor as it was read. `text` is what was signed, `signature` is armored; neither has been checked."""

    name: str
    statement: AnchorStatement
    text: str
    signature: str

    @property
    def head(self) -> Head:
        """The head that it holds."""
        return self.statement.ledger_head


def folder_of(environment: str) -> str:
    """Where the anchors of an environment are."""
    return f"{FOLDER}/{environment}"


def name_of(environment: str, head: Head) -> str:
    """The name of an anchor; names sort by their records."""
    return f"{folder_of(environment)}/{head.seq:012d}-{head.hash[:16]}.json"


def written(text: str, signature: str) -> bytes:
    """An anchor as it is kept: canonical JSON of the signed text and the signature."""
    return canonical_text({"signature": signature, "statement": text}).encode()


def read_anchor(name: str, data: bytes) -> Anchor:
    """The anchor that is kept under `name`. Raises AnchorError when it is none, or is another one."""
    try:
        value = parse_canonical(data)
        shaped = isinstance(value, dict) and value.keys() == _KEYS
        if not shaped or not all(isinstance(part, str) for part in value.values()):
            raise AnchorError("not an anchor", hint="was it made by pointsctl?")
        statement = read_statement(value["statement"])
    except (JsonError, StatementError) as error:
        raise AnchorError(error.message, hint=error.hint) from None
    if not isinstance(statement, AnchorStatement):
        raise AnchorError("a statement of another kind", hint="was it made by pointsctl?")
    if name != name_of(statement.environment, statement.ledger_head):
        raise AnchorError("the anchor of another place", hint="anchors are not renamed or moved")
    return Anchor(name, statement, value["statement"], value["signature"])
