"""`allowed_signers`, read strictly: whatever OpenSSH skips, guesses or matches by pattern is refused with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pointsctl.model.policy import PolicyError, is_principal
from pointsctl.model.problems import shown
from pointsctl.model.ssh_key import KEY_TYPES, KeyFormatError, PublicKey, read_public_key
from pointsctl.model.statement import NAMESPACE

FILE_NAME = "allowed_signers"

_BLANKS = re.compile("[ \t]+")
_OPTION = re.compile(r'([a-z-]+)="([^"\\]*)"')
_OPTIONS = re.compile(rf"{_OPTION.pattern}(,{_OPTION.pattern})*")
_LITERAL = re.compile(r"[A-Za-z0-9._@/-]+", re.ASCII)
_TIME = re.compile(r"[0-9]{8}([0-9]{4}([0-9]{2})?)?Z", re.ASCII)
_FORMATS = {9: "%Y%m%dZ", 13: "%Y%m%d%H%MZ", 15: "%Y%m%d%H%M%SZ"}
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # OpenSSH takes the beginning of 1970 for no time at all
_HINT = f'one key a line, such as: ada@example.test namespaces="{NAMESPACE}" ssh-ed25519 AAAA...'


@dataclass(frozen=True)
class Signer:
    """One line: a principal, its key, and between which moments (both included, None for no limit) the key may sign."""

    principal: str
    key: PublicKey
    valid_after: datetime | None
    valid_before: datetime | None
    line: int

    @property
    def key_type(self) -> str:
        """The key's type, such as `ssh-ed25519`."""
        return self.key.key_type

    @property
    def fingerprint(self) -> str:
        """`SHA256:...`, as ssh-keygen shows it."""
        return self.key.fingerprint

    def may_sign_at(self, moment: datetime) -> bool:
        """Whether the moment lies within the line's dates; OpenSSH counts whole seconds."""
        second = moment.replace(microsecond=0)
        return not (self.valid_after and second < self.valid_after) and not (
            self.valid_before and second > self.valid_before
        )


def parse_allowed_signers(text: str, name: str = FILE_NAME) -> tuple[Signer, ...]:
    """The signers in the order of the file, called `name` in messages.

    One exact principal a line; the options `namespaces`, `valid-after`, `valid-before`; each key once. Raises
    PolicyError with file and line for anything else, and for a file without signers.
    """
    signers = tuple(_signers(text, name))
    if not signers:
        raise PolicyError(f"{name}:1: the file names no signer; expected at least one", hint=_HINT)
    _refuse_twice(signers, name)
    return signers


def key_lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the fields of each line that is neither blank nor a comment. Raises PolicyError (odd characters)."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.replace("\t", " ").isprintable():
            reason = "a line end of Windows" if line.endswith("\r") else "a control or invisible character"
            raise _refused(name, number, f"the line has {reason}", "printable characters")
        stripped = line.strip(" \t")
        if stripped and not stripped.startswith("#"):
            yield number, _BLANKS.split(stripped)


def read_key(fields: list[str], name: str, number: int) -> PublicKey:
    """The key of `TYPE BASE64 [COMMENT]`. Raises PolicyError with file and line."""
    if len(fields) < 2:
        raise _refused(name, number, "the key is missing", "its type and its base64 text")
    try:
        return read_public_key(fields[0], fields[1])
    except KeyFormatError as error:
        raise PolicyError(
            f"{name}:{number}: the key cannot be used; found {shown(fields[0])}; {error}", hint=_HINT
        ) from None


def _signers(text: str, name: str) -> Iterator[Signer]:
    for number, fields in key_lines(text, name):
        principal, rest = fields[0], fields[1:]
        if principal in KEY_TYPES or not is_principal(principal):
            expected = "one principal without blanks, commas, wildcards and quotes, such as ada@example.test"
            raise _refused(name, number, "no usable principal", expected, principal)
        after = before = None
        if rest and _is_options(rest[0]):
            after, before = _dates(_options(rest.pop(0), name, number), name, number)
        yield Signer(principal, read_key(rest, name, number), after, before, number)


def _is_options(field: str) -> bool:
    return "=" in field or "," in field or field.lower() == "cert-authority"


def _options(field: str, name: str, number: int) -> dict[str, str]:
    if "cert-authority" in field.lower():
        raise _refused(name, number, "certificates are not accepted", "the signer's own key", field)
    if not _OPTIONS.fullmatch(field):
        expected = 'options such as namespaces="pointsctl",valid-before="20270131Z"'
        raise _refused(name, number, "the options cannot be read", expected, field)
    pairs: list[tuple[str, str]] = _OPTION.findall(field)
    options = dict(pairs)
    unknown = [key for key in options if key not in {"namespaces", "valid-after", "valid-before"}]
    if unknown:
        raise _refused(name, number, "unknown option", "namespaces, valid-after or valid-before", unknown[0])
    if len(options) != len(pairs):
        raise _refused(name, number, "an option stands there twice", "each option once", field)
    _refuse_namespaces(options, name, number)
    return options


def _refuse_namespaces(options: dict[str, str], name: str, number: int) -> None:
    if "namespaces" not in options:
        return
    namespaces = options["namespaces"].split(",")
    if NAMESPACE not in namespaces or not all(_LITERAL.fullmatch(one) for one in namespaces):
        expected = f"names without wildcards, {NAMESPACE} among them"
        raise _refused(name, number, "the namespaces cannot be used", expected, options["namespaces"])


def _dates(options: dict[str, str], name: str, number: int) -> tuple[datetime | None, datetime | None]:
    after, before = (
        _date(key, options[key], name, number) if key in options else None for key in ("valid-after", "valid-before")
    )
    if after and before and after >= before:
        expected = f"a time after {options['valid-after']}"
        raise _refused(name, number, "valid-before lies before valid-after", expected, options["valid-before"])
    return after, before


def _date(key: str, text: str, name: str, number: int) -> datetime:
    expected = "a time in UTC with Z, such as 20270131Z or 20270131120000Z (without Z it is local time)"
    if not _TIME.fullmatch(text):
        raise _refused(name, number, f"{key} cannot be used", expected, text)
    try:
        moment = datetime.strptime(text, _FORMATS[len(text)]).replace(tzinfo=UTC)
    except ValueError:
        raise _refused(name, number, f"{key} is no time that exists", expected, text) from None
    if moment < _EARLIEST:
        raise _refused(name, number, f"{key} lies too far back", "the year 2000 or later", text)
    return moment


def _refuse_twice(signers: tuple[Signer, ...], name: str) -> None:
    by_key: dict[bytes, Signer] = {}
    by_folded: dict[str, Signer] = {}
    for signer in signers:
        first = by_key.setdefault(signer.key.blob, signer)
        if first is not signer:
            whose = "this principal" if first.principal == signer.principal else shown(first.principal)
            what = f"the key stands already in line {first.line}, for {whose}"
            raise _refused(name, signer.line, what, "each key once, for one principal", signer.principal)
        same = by_folded.setdefault(signer.principal.casefold(), signer)
        if same.principal != signer.principal:
            what = f"the principal differs only in letter case from {shown(same.principal)} in line {same.line}"
            raise _refused(name, signer.line, what, "one spelling of a principal", signer.principal)


def _refused(name: str, line: int, what: str, expected: str, found: str = "") -> PolicyError:
    quoted = f"; found {shown(found)}" if found else ""
    return PolicyError(f"{name}:{line}: {what}{quoted}; expected {expected}", hint=_HINT)
