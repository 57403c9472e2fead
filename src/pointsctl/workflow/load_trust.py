"""Use case: read the trust folder (the approval policy, the keys, the revoked keys), and refuse what is unclear in it."""

from __future__ import annotations

import time
from pathlib import Path

import pydantic

from pointsctl.errors import ExitCode
from pointsctl.files import see
from pointsctl.model import allowed_signers, revoked_keys
from pointsctl.model.document import Document, DocumentError, parse_document
from pointsctl.model.policy import Policy, PolicyError, Trust
from pointsctl.model.policy_rules import FILE_NAME, check_trust
from pointsctl.model.problems import Place, Problem
from pointsctl.model.validation import problems_of
from pointsctl.workflow.cancellation import TimeLimit

_SECONDS = 10.0
_HINT = "see `pointsctl trust show`; correct the file and run again"


class TrustFolderError(PolicyError):
    """The trust folder cannot be used as it is; the message names file and line."""

    exit_code = ExitCode.USAGE
    code = "trust-folder"


def load_trust(directory: Path) -> Trust:
    """The trust in `directory`: `policy.yaml`, `allowed_signers` and, when keys are revoked, `revoked_keys`.

    Raises TrustFolderError for files that are missing, unclear or do not fit each other, StorageError when one cannot be
    read. Nothing is taken from a link that leads elsewhere: what is signed for is what stands in the folder.
    """
    policy = _policy(directory)
    signers = _text(directory, allowed_signers.FILE_NAME)
    revoked = _revoked(directory)
    trust = Trust(policy, signers, revoked)
    try:
        check_trust(trust)
    except PolicyError as error:
        raise TrustFolderError(f"{directory}/{error.message}", hint=error.hint) from None
    return trust


def has_trust(directory: Path) -> bool:
    """Whether there is anything in the place of a trust folder, usable or not."""
    return directory.exists() or directory.is_symlink()


def _policy(directory: Path) -> Policy:
    text = _text(directory, FILE_NAME)
    try:
        document = parse_document(text)
        return _shape(document)
    except DocumentError as error:
        first = min(error.problems, key=_order)
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        raise TrustFolderError(f"{first.line(str(directory / FILE_NAME))}{more}", hint=_HINT) from None


def _order(problem: Problem) -> tuple[bool, Place]:
    """What is wrong first; that a list is too short "after validation" only follows from a wrong value in it."""
    return "after validation" in problem.expected, problem.place


def _shape(document: Document) -> Policy:
    try:
        return Policy.model_validate(document.data)
    except pydantic.ValidationError as error:
        raise DocumentError(*problems_of(error, Policy, document)) from None


def _revoked(directory: Path) -> bytes:
    data = _bytes(directory, revoked_keys.FILE_NAME)
    if data == b"":
        message = f"{directory / revoked_keys.FILE_NAME}: the file is empty; expected at least one key"
        hint = "when no key is revoked, there is no such file: delete it; if it was emptied, find out by whom"
        raise TrustFolderError(message, hint=hint)
    return data or b""


def _text(directory: Path, name: str) -> str:
    data = _bytes(directory, name)
    if data is None:
        hint = "write a starter folder with `pointsctl trust init`, or correct `approvals.trust` in the checklist"
        raise TrustFolderError(f"{directory / name}: the file does not exist", hint=hint)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = Place(data.count(b"\n", 0, error.start) + 1, 1)
        problem = Problem(place, "not UTF-8 text", f"byte 0x{data[error.start]:02x}")
        raise TrustFolderError(problem.line(str(directory / name)), hint=_HINT) from None


def _bytes(directory: Path, name: str) -> bytes | None:
    """The content of a file of the folder, None when there is none."""
    place = directory / name
    if place.is_symlink():
        raise TrustFolderError(f"{place}: the file is a link; expected the file itself", hint=_HINT)
    seen = see(place, TimeLimit(_SECONDS, time.monotonic), keep=True)
    if isinstance(seen, str):
        if seen == "does not exist":
            return None
        raise TrustFolderError(f"{place}: {seen}; expected a regular file", hint=_HINT)
    return seen.content
