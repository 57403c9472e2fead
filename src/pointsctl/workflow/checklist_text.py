"""From the bytes of a checklist file to its text as data with places: size, encoding, YAML, format, secrets."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pointsctl.errors import PointsctlError
from pointsctl.model.checklist import VERSION
from pointsctl.model.document import MAX_BYTES, Document, DocumentError, parse_document, place_at
from pointsctl.model.problems import Place, Problem, shown
from pointsctl.model.redaction import is_secret_name, secret_values
from pointsctl.model.variables import expand
from pointsctl.postgres.connection import password_of

_START = Place(1, 1)
# Supabase's anonymous (publishable) key is handed to every browser.
_PUBLIC = re.compile("anon|public|publishable", re.IGNORECASE)


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises DocumentError when it is not a regular file, too large, or cannot be read."""
    try:
        data = _read_regular(path)
    except OSError as error:
        raise DocumentError(Problem(_START, f"cannot be read: {(error.strerror or 'refused').lower()}")) from None
    except ValueError:
        raise DocumentError(Problem(_START, "cannot be read: not a usable file name")) from None
    if data is None:
        raise DocumentError(Problem(_START, "not a regular file", expected="a YAML file"))
    if len(data) > MAX_BYTES:
        expected = f"{MAX_BYTES:,} bytes at the most"
        raise DocumentError(Problem(_START, "the file is too large", f"over {MAX_BYTES:,} bytes", expected))
    return data


def _read_regular(path: Path) -> bytes | None:
    # Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def parse(data: bytes) -> Document:
    """The document. Raises DocumentError, also when it is no checklist, or has a format that this program does not read."""
    try:
        document = parse_document(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        found = f"byte 0x{data[error.start]:02x}"
        problem = Problem(place_at(before, len(before)), "not UTF-8 text", found, "a YAML file in UTF-8")
        raise DocumentError(problem) from None
    if not isinstance(document.data, dict):
        expected = "a mapping with `version`, `title` and `phases`"
        raise DocumentError(Problem(document.place(()), "not a checklist", expected=expected))
    version = document.data.get("version")
    if type(version) is int and version > VERSION:
        # The rest of a newer format would only give misleading problems.
        message = f"this checklist has format {version}, newer than this program reads"
        place = document.place(("version",))
        raise DocumentError(Problem(place, message, str(version), f"{VERSION}: upgrade pointsctl"))
    return document


def text_problems(document: Document) -> Iterator[Problem]:
    """What is wrong with the text itself, whatever the variables are: an unknown format, and secrets written down."""
    version = document.data.get("version", VERSION)
    if type(version) is not int or version != VERSION:
        place = document.place(("version",))
        yield Problem(place, "unknown checklist format", shown(str(version)), str(VERSION))
    environments = document.data.get("environments")
    for name, environment in environments.items() if isinstance(environments, dict) else ():
        if isinstance(environment, dict):
            yield from _secrets(name, environment, document)


def _secrets(name: str, environment: dict[str, Any], document: Document) -> Iterator[Problem]:
    path = ("environments", name)
    for key in ("database_url", "functions_url"):
        if isinstance(environment.get(key), str) and _has_password(environment[key]):
            yield _secret(document.place((*path, key)), f"a password in {key}")
    variables = environment.get("variables")
    for key, text in variables.items() if isinstance(variables, dict) else ():
        if isinstance(text, str) and (_is_written_secret(key, text) or _has_password(text)):
            yield _secret(document.place((*path, "variables", key)), f"the value of {shown(key)}")


def _is_written_secret(key: str, text: str) -> bool:
    return is_secret_name(key) and not _PUBLIC.search(key) and bool(expand(text, {}).text)


def _secret(place: Place, what: str) -> Problem:
    return Problem(place, f"{what} stands in the file", expected="secrets from the environment only, as ${VARIABLE}")


def _has_password(text: str) -> bool:
    """Whether the text itself, its variables' defaults included, holds a password."""
    written = expand(text, {}).text
    if secret_values({"": written}):
        return True
    try:
        return bool(password_of(written))
    except PointsctlError:
        return False
