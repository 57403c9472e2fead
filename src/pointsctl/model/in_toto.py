"""An approval as an in-toto Statement in a DSSE envelope, for tools of the software supply chain."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pointsctl.errors import PointsctlError
from pointsctl.model.canonical import canonical_text
from pointsctl.model.plan import Absent, Content
from pointsctl.model.strict_json import JsonError, parse, parse_canonical

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:pointsctl:approval:v1"
"""Names the predicate below; the specification asks for a URI that need not lead anywhere."""

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LONGEST = 32 * 1024 * 1024
"""Bytes of an envelope at the most."""


class InTotoError(PointsctlError):
    """A file is no envelope that pointsctl would have written."""

    code = "in-toto"


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope that was read and not checked: the payload's text, the key that it names, the armored signature."""

    payload: str
    keyid: str
    signature: str


def statement_text(content: Content, predicate: Mapping[str, Any]) -> str:
    """The Statement about what the plan's content names, in canonical form."""
    value = {
        "_type": STATEMENT_TYPE,
        "subject": subjects(content),
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(predicate),
    }
    return canonical_text(value)


def subjects(content: Content) -> list[dict[str, Any]]:
    """What was approved, each by SHA-256: the plan, the checklist, the migration files, the bundles of the functions."""
    named = [(f"plans/{content.digest}.json", content.digest), ("checklist.yaml", content.checklist)]
    for migration in content.migrations:
        places = (("", migration.sha256), ("reverse/", migration.reverse), ("verify/", migration.verify))
        named += [(f"migrations/{folder}{migration.name}", digest) for folder, digest in places if digest]
    if not isinstance(content.functions, Absent):
        named += [(f"functions/{bundle.name}", bundle.sha256) for bundle in content.functions]
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in named]


def pre_authentication_encoding(payload: str) -> str:
    """What is signed: DSSE's PAE of the payload under its type, whose lengths count bytes of UTF-8."""
    return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload.encode())} {payload}"


def envelope_text(envelope: Envelope) -> str:
    """The envelope in canonical form; `sig` is the armored SSH signature in base64."""
    signature = {"keyid": envelope.keyid, "sig": _encoded(envelope.signature)}
    value = {"payloadType": PAYLOAD_TYPE, "payload": _encoded(envelope.payload), "signatures": [signature]}
    return canonical_text(value) + "\n"


def read_envelope(data: bytes) -> Envelope:
    """The envelope that a file holds. Raises InTotoError when one byte is otherwise than `envelope_text` writes it."""
    try:
        value = parse(data)
        (signature,) = value["signatures"]
        envelope = Envelope(_decoded(value["payload"]), str(signature["keyid"]), _decoded(signature["sig"]))
        same = envelope_text(envelope).encode() == data
    except JsonError as error:
        raise _none(error.message) from None
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise _none("its parts are others") from None
    if not same:
        raise _none("it is written in another way")
    return envelope


def read_predicate(payload: str) -> dict[str, Any]:
    """The predicate of a Statement of ours. Raises InTotoError."""
    try:
        value = parse_canonical(payload)
    except JsonError as error:
        raise _none(f"its payload: {error.message}") from None
    types = (value.get("_type"), value.get("predicateType")) if isinstance(value, dict) else None
    if types != (STATEMENT_TYPE, PREDICATE_TYPE) or not isinstance(value.get("predicate"), dict):
        raise _none("its payload is no statement about an approval")
    predicate: dict[str, Any] = value["predicate"]
    return predicate


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode("utf-8")


def _none(why: str) -> InTotoError:
    return InTotoError(
        f"not an envelope of `evidence export`: {why}", hint="its bytes were changed, or it is another's"
    )
