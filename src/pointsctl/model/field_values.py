"""What a person fills into the blanks of an item: each value is read by its type, and kept in one form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from urllib.parse import urlsplit

from pointsctl.errors import UsageError
from pointsctl.model.canonical import utc_text
from pointsctl.model.checklist import Field, FieldType, Item
from pointsctl.model.duration import format_duration, parse_duration
from pointsctl.model.problems import nearest, shown
from pointsctl.model.redaction import redact

LONGEST = 1_000
"""Characters of one value."""

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?", re.ASCII)
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII)
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]*[0-9]", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_FEWEST_DIGITS, _MOST_DIGITS = 3, 20


def fill(item: Item, given: Mapping[str, str], principal: str) -> dict[str, str]:
    """The fields of the item as they are signed by `principal`: each value read by its type, every required one there.

    A required signature that is not given is the signer's own name. Raises UsageError naming every field that is unknown,
    missing, or not of its type.
    """
    known = {field.name: field for field in item.fields}
    problems = [_unknown(name, item) for name in given if name not in known]
    filled: dict[str, str] = {}
    for field in item.fields:
        text = given.get(field.name)
        if text is None and field.type is FieldType.SIGNATURE and _is_asked_for(field):
            text = principal
        try:
            if text is not None:
                filled[field.name] = read_value(field.type, text, principal)
            elif _is_asked_for(field):
                problems.append(f"{field.name!r} ({field.type.value}: {field.title}) is missing")
        except ValueError as error:
            problems.append(f"{field.name!r} is {shown(text or '')}: {error}")
    if problems:
        hint = " ".join(f"--field {field.name}=..." for field in item.fields if _is_asked_for(field))
        raise UsageError(f"{item.id}: {'; '.join(problems)}", hint=hint or f"pointsctl check show {item.id}")
    return filled


def asked_for(item: Item) -> tuple[Field, ...]:
    """The fields without which nobody can attest the item."""
    return tuple(field for field in item.fields if _is_asked_for(field))


def read_value(kind: FieldType, text: str, principal: str = "") -> str:
    """The value in the form in which it is kept. Raises ValueError saying what was expected.

    `principal` is who signs. Nothing that is not printable is taken, and nothing that looks like a secret.
    """
    value = text.strip()
    if not value or len(value) > LONGEST or not value.isprintable():
        raise ValueError(f"expected 1 to {LONGEST:,} printable characters on one line")
    if redact(value) != value:
        raise ValueError("it looks like a secret, which a ledger must not keep")
    if kind is FieldType.SIGNATURE:
        if value != principal:
            raise ValueError("expected the name of whoever signs, which the key decides")
        return value
    reader = _READERS.get(kind)
    return reader(value) if reader else value


def _is_asked_for(field: Field) -> bool:
    return field.required and field.value is None


def _unknown(name: str, item: Item) -> str:
    names = [field.name for field in item.fields]
    close = nearest(name, names)
    known = f"did you mean {close!r}?" if close else f"it has {', '.join(names) or 'no fields'}"
    return f"there is no field {shown(name)} ({known})"


def _person(value: str) -> str:
    if not any(char.isalpha() for char in value) or "," in value:
        raise ValueError("expected the name of one person")
    return value


def _people(value: str) -> str:
    names = [_person(name.strip()) for name in value.split(",") if name.strip()]
    if not names:
        raise ValueError("expected names, separated by commas")
    return ", ".join(names)


def _date(value: str) -> str:
    def read(text: str) -> str:
        kept = date.fromisoformat(text).isoformat()
        return kept if kept == text else ""  # weeks and dates without dashes are other ways to write one

    return _parsed(value, read, "a date such as 2026-01-31")


def _datetime(value: str) -> str:
    def read(text: str) -> str:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return utc_text(moment)

    return _parsed(value, read, "a date and time with its zone, such as 2026-01-31T08:00Z")


def _parsed(value: str, read: Callable[[str], str], expected: str) -> str:
    try:
        kept = read(value) if value.isascii() else ""
    except (ValueError, OverflowError):
        kept = ""
    if not kept:
        raise ValueError(f"expected {expected}")
    return kept


def _matching(pattern: re.Pattern[str], expected: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"expected {expected}")
        return value

    return read


def _duration(value: str) -> str:
    return format_duration(parse_duration(value))


def _phone(value: str) -> str:
    digits = sum(char.isdigit() for char in value)
    if not _PHONE.fullmatch(value) or not _FEWEST_DIGITS <= digits <= _MOST_DIGITS:
        raise ValueError("expected a telephone number such as +49 30 123456")
    return value


def _url(value: str) -> str:
    expected = "expected an address that starts with https:// or http://, without a name or password in it"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"https", "http"} and parts.hostname and parts.username is None and " " not in value
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(expected)
    return value


def _percent(value: str) -> str:
    number = value.removesuffix("%").strip()
    if not _NUMBER.fullmatch(number) or not 0 <= float(number) <= 100:
        raise ValueError("expected a number from 0 to 100")
    return number


def _acknowledgement(value: str) -> str:
    if value.casefold() != "yes":
        raise ValueError("expected yes; who cannot say so does not sign")
    return "yes"


_READERS: dict[FieldType, Callable[[str], str]] = {
    FieldType.PERSON: _person,
    FieldType.PEOPLE: _people,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.TIME: _matching(_TIME, "a time such as 08:30 or 08:30Z"),
    FieldType.DURATION: _duration,
    FieldType.EMAIL: _matching(_EMAIL, "an address such as ada@example.test"),
    FieldType.PHONE: _phone,
    FieldType.URL: _url,
    FieldType.NUMBER: _matching(_NUMBER, "a number such as 12 or 0.5"),
    FieldType.PERCENT: _percent,
    FieldType.ACKNOWLEDGEMENT: _acknowledgement,
}
