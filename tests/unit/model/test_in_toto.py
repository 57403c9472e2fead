"""The envelope is one that other programs read, and the bytes that are signed are those that they compute."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as Others

from pointsctl.model.in_toto import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Envelope,
    InTotoError,
    envelope_text,
    pre_authentication_encoding,
    read_envelope,
    read_predicate,
    statement_text,
    subjects,
)
from pointsctl.model.plan import Bundle, Migration
from tests.support.approvals import content

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
ENVELOPE = Envelope('{"a":1}', "SHA256:x", "-----BEGIN SSH SIGNATURE-----\n")
WRITTEN = envelope_text(ENVELOPE).encode()


@given(TEXTS, TEXTS)
def test_others_read_it_and_sign_the_same_bytes(payload: str, signature: str) -> None:
    text = envelope_text(Envelope(payload, "SHA256:x", signature))
    others = Others.from_dict(json.loads(text))
    assert others.payload == payload.encode()
    assert others.payload_type == PAYLOAD_TYPE
    assert others.pae() == pre_authentication_encoding(payload).encode()
    assert bytes.fromhex(others.signatures["SHA256:x"].signature) == signature.encode()


def test_the_example_of_the_protocol() -> None:
    assert pre_authentication_encoding("héllo") == f"DSSEv1 28 {PAYLOAD_TYPE} 6 héllo"


def test_it_is_read_as_it_was_written() -> None:
    assert read_envelope(WRITTEN) == ENVELOPE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        WRITTEN[:-1],
        b" " + WRITTEN,
        WRITTEN.replace(b"in-toto", b"in-tote"),
        WRITTEN.replace(b'"keyid"', b'"keyid":"SHA256:y","keyid"'),
        WRITTEN.replace(b'"signatures":[', b'"signatures":[{"keyid":"","sig":""},'),
        WRITTEN.replace(b'"payload":"', b'"payload":"\\n'),
        WRITTEN.replace(base64.b64encode(b'{"a":1}'), b"/w=="),
        b'{"payload":1,"payloadType":"","signatures":[{"keyid":"","sig":""}]}',
        b"\xff" + WRITTEN,
    ],
)
def test_one_byte_otherwise(data: bytes) -> None:
    with pytest.raises(InTotoError):
        read_envelope(data)


def test_the_statement() -> None:
    planned = content(
        migrations=(Migration(name="1_a.sql", sha256="0a" * 32, reverse="0b" * 32, verify=None),),
        functions=(Bundle(name="redeem", sha256="0c" * 32),),
    )
    value = json.loads(statement_text(planned, {"x": 1}))
    assert (value["_type"], value["predicateType"]) == (STATEMENT_TYPE, PREDICATE_TYPE)
    assert value["subject"] == subjects(planned)
    assert {one["name"]: one["digest"]["sha256"] for one in value["subject"]} == {
        f"plans/{planned.digest}.json": planned.digest,
        "checklist.yaml": "01" * 32,
        "migrations/1_a.sql": "0a" * 32,
        "migrations/reverse/1_a.sql": "0b" * 32,
        "functions/redeem": "0c" * 32,
    }
    assert read_predicate(statement_text(planned, {"x": 1})) == {"x": 1}


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"_type":"https://in-toto.io/Statement/v1","predicate":{}}'])
def test_a_payload_about_something_else(payload: str) -> None:
    with pytest.raises(InTotoError):
        read_predicate(payload)
