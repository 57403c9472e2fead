"""Takes secrets out of texts: values that are known, and shapes that only secrets have."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, urlsplit, urlunsplit

MARK = "[redacted]"

_SECRET_NAME = re.compile(
    r"secret|token|passw|passphrase|credential|(?:key|keys|jwt|dsn)(?:_|\d|$)|_(?:pwd|auth)(?:_|$)", re.IGNORECASE
)
# `SSH_KEY_FILE` or `AWS_ACCESS_KEY_ID` say where or which, not what.
_NO_SECRET_NAME = re.compile(
    r"_(?:file|path|dir|directory|id|name|url|length|size|count|sock)$|^ssh_auth", re.IGNORECASE
)
# Every repetition is bounded, so that a megabyte of output without a match still takes linear time.
_PASSWORD_IN_URL = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,30}://)(?P<user>[^\s/?#@:]{0,200}):(?P<password>[^\s/?#]{0,1000})@", re.IGNORECASE
)
# libpq's other form, `host=h password='p q'`; also a parameter of a URL.
_PASSWORD_PARAMETER = re.compile(
    r"(?P<key>\b(?:ssl)?password\s{0,9}=\s{0,9})(?P<value>'(?:[^'\\]|\\.){1,1000}'|[^\s'&]{1,1000})", re.IGNORECASE
)
_SHAPES = re.compile(
    r"\beyJ[A-Za-z0-9_-]{5,2000}\.[A-Za-z0-9_-]{5,8000}(?:\.[A-Za-z0-9_-]*)?"  # a JWT
    r"|\b(?:sbp|sb_secret|sk|rk|gh[pousr]|github_pat|xox[abpr])[_-][A-Za-z0-9_-]{16,}"  # keys of well-known services
    r"|\bAKIA[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_AFTER_WORD = re.compile(r"(?P<word>\b(?:bearer|basic)\s+)(?P<value>[A-Za-z0-9._~+/=-]{8,})", re.IGNORECASE)
# Values like these stand in every text; replacing them would make it unreadable and point at the value.
_SHORTEST = 4
_LEAST_OF_CUT = 8
_EVERYDAY = frozenset({"true", "false", "none", "null", "auto", "file"})


def is_secret_name(name: str) -> bool:
    """Whether a variable's name says that its value is a secret (`COUPON_SECRET`, `API_TOKEN`, `DB_PASSWORD`)."""
    return _SECRET_NAME.search(name) is not None and _NO_SECRET_NAME.search(name) is None


def secret_values(variables: Mapping[str, str], names: Collection[str] = ()) -> frozenset[str]:
    """The values that must not be shown: of variables with a secret's name, of `names`, and passwords inside URLs."""
    values = {value for name, value in variables.items() if name in names or is_secret_name(name)}
    values |= {password for value in variables.values() for password in _passwords(value)}
    stripped = (value.strip() for value in values)
    return frozenset(value for value in stripped if len(value) >= _SHORTEST and value.casefold() not in _EVERYDAY)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the secrets, however they are written (plain, in a URL, in JSON, in base64), and without secret shapes."""
    forms = {form for secret in secrets for form in _forms(secret)}
    # The longest first, so that a secret which begins like another one does not leave its end behind.
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MARK)
    for form in forms:
        text = _without_cut_end(text, form)
    text = _PASSWORD_IN_URL.sub(rf"\g<scheme>\g<user>:{MARK}@", text)
    text = _PASSWORD_PARAMETER.sub(rf"\g<key>{MARK}", text)
    return _AFTER_WORD.sub(rf"\g<word>{MARK}", _SHAPES.sub(MARK, text))


def _without_cut_end(text: str, form: str) -> str:
    """`text` without the beginning of a secret, which is what is left of it where a message was cut to a length."""
    start = text.rfind(form[:_LEAST_OF_CUT])
    if start < 0 or len(form) <= _LEAST_OF_CUT:
        return text
    end, mark, more = text[start:].partition("…")
    return f"{text[:start]}{MARK}{mark}{more}" if form.startswith(end) else text


def redact_url(url: str) -> str:
    """The address with its user, password and fragment gone, and the values of its query replaced."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return MARK
    names = [pair.partition("=")[0] for pair in parts.query.split("&") if pair]
    query = "&".join(f"{name}={MARK}" for name in names)
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def _passwords(value: str) -> Iterable[str]:
    for match in _PASSWORD_IN_URL.finditer(value):
        yield match["password"]
        yield unquote(match["password"])
    for match in _PASSWORD_PARAMETER.finditer(value):
        yield re.sub(r"\\(.)", r"\1", match["value"].strip("'"))
        yield unquote(match["value"])


@lru_cache(maxsize=1024)
def _forms(secret: str) -> frozenset[str]:
    data = secret.encode("utf-8", "surrogatepass")
    lines = {line.strip() for line in secret.splitlines() if len(line.strip()) >= 8}
    safe = secret.encode("utf-8", "replace").decode("utf-8")
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        quote(safe, safe=""),
        quote_plus(safe),
        repr(secret)[1:-1],
        *lines,
        *_encodings(data),
    }
    return frozenset(forms)


def _encodings(data: bytes) -> Iterable[str]:
    """In base64, at the start of what was encoded and after one or two other bytes (`user:secret`), and in hexadecimal."""
    yield base64.b64encode(data).decode("ascii").rstrip("=")
    if len(data) < _LEAST_OF_CUT:
        return
    yield data.hex()
    yield data.hex().upper()
    for before, unclear in ((0, 0), (1, 2), (2, 3)):
        whole = slice(unclear, (before + len(data)) * 8 // 6)
        yield base64.b64encode(bytes(before) + data).decode("ascii")[whole]
        yield base64.urlsafe_b64encode(bytes(before) + data).decode("ascii")[whole]
