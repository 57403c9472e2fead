"""What people fill in: each type takes what it means, keeps it in one form, and nothing that could act on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.errors import UsageError
from pointsctl.model.checklist import FieldType, Item
from pointsctl.model.field_values import fill, read_value

ADA = "ada@example.test"

GOOD = [
    ("text", " all of it ", "all of it"),
    ("person", "Ada Löv", "Ada Löv"),
    ("people", "Ada,Grace ,", "Ada, Grace"),
    ("date", "2026-01-31", "2026-01-31"),
    ("datetime", "2026-01-31T08:00+02:00", "2026-01-31T06:00:00.000Z"),
    ("time", "08:30Z", "08:30Z"),
    ("duration", "90m", "1h30m"),
    ("email", ADA, ADA),
    ("phone", "+49 (30) 12-34", "+49 (30) 12-34"),
    ("url", "https://example.test/x?y=1", "https://example.test/x?y=1"),
    ("path", "docs/runbook.md", "docs/runbook.md"),
    ("number", "-1.50", "-1.50"),
    ("percent", "99.5 %", "99.5"),
    ("acknowledgement", "Yes", "yes"),
    ("signature", ADA, ADA),
]
BAD = [
    *((kind.value, value) for kind in FieldType for value in ("", "  ", "a\x1b[2J", "a\nb", "x" * 1001, "\u202eabc")),
    ("person", "Ada, Grace"),
    ("person", "12"),
    ("people", ",,"),
    ("date", "31.01.2026"),
    ("date", "2026-02-30"),
    ("date", "20260131"),
    ("date", "2026-W05-6"),
    ("datetime", "2026-01-31T08:00"),
    ("datetime", "9999-12-31"),
    ("time", "24:00"),
    ("time", "8:30"),
    ("duration", "soon"),
    ("email", "ada"),
    ("email", "ada@example"),
    ("phone", "call me"),
    ("phone", "+"),
    ("url", "javascript:alert(1)"),
    ("url", "https://"),
    ("url", "https://ada@example.test/"),
    ("url", "file:///etc/passwd"),
    ("number", "NaN"),
    ("number", "1e400"),
    ("number", "٣"),
    ("percent", "101"),
    ("percent", "-1"),
    ("acknowledgement", "no"),
    ("acknowledgement", "y"),
    ("signature", "grace@example.test"),
    ("text", "postgresql://ada:hunter2@example.test/points"),
]


@pytest.mark.parametrize(("kind", "given_text", "kept"), GOOD)
def test_is_kept_in_one_form(kind: str, given_text: str, kept: str) -> None:
    assert read_value(FieldType(kind), given_text, ADA) == kept


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_is_refused_with_what_was_expected(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|secret"):
        read_value(FieldType(kind), text, ADA)


def test_every_type_has_an_example_here() -> None:
    assert {kind for kind, _, _ in GOOD} == {kind.value for kind in FieldType}


@given(st.sampled_from(list(FieldType)), st.text(max_size=40))
def test_whatever_is_kept_is_printable_and_kept_as_it_is_the_next_time(kind: FieldType, text: str) -> None:
    try:
        kept = read_value(kind, text, ADA)
    except ValueError:
        return
    assert kept.isprintable()
    assert read_value(kind, kept, ADA) == kept


def item(*fields: Mapping[str, object]) -> Item:
    return Item.model_validate({"id": "team.told", "title": "Told", "kind": "attestation", "fields": fields})


WHEN = {"name": "when", "type": "date", "title": "When"}
WHO = {"name": "who", "type": "people", "title": "Who"}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        fill(item(WHEN, WHO), {"when": "soon", "hwo": "Ada"}, ADA)
    assert "'when' is 'soon'" in caught.value.message
    assert "'who' (people: Who) is missing" in caught.value.message
    assert "did you mean 'who'" in caught.value.message
    assert caught.value.hint == "--field when=... --field who=..."


def test_what_is_optional_or_filled_in_already_need_not_be_given() -> None:
    link = {"name": "link", "type": "url", "title": "Link", "value": "https://example.test"}
    assert fill(item({**WHEN, "required": False}, link), {}, ADA) == {}


def test_the_signature_is_the_signers_own() -> None:
    field = {"name": "signature", "type": "signature", "title": "Signature"}
    assert fill(item(field), {}, ADA) == {"signature": ADA}
    with pytest.raises(UsageError, match="whoever signs"):
        fill(item(field), {"signature": "grace@example.test"}, ADA)
