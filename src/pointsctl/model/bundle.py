"""What an evidence bundle is made of: the names of its files, their limits, and what may be wrong with one, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SCHEMA = "pointsctl/evidence/v1"

README = "README.txt"
SUMS = "SHA256SUMS"
CHECKLIST = "checklist.yaml"
INDEX = "evidence.json"
HEAD = "head.json"
LEDGER = "ledger.jsonl"
MIGRATIONS = "migrations/"

MOST_FILES = 60_000
LARGEST_FILE = 64 * 1024 * 1024
"""Bytes of any file but the ledger."""

LARGEST_BUNDLE = 2**31 - 1
"""Bytes of a bundle: what every reader of zip files can read, old ones among them."""

_NUMBER = "[1-9][0-9]{0,17}"
_DIGEST = "[0-9a-f]{64}"
_KNOWN = re.compile(
    rf"""(?x) (?: {README} | {SUMS} | {CHECKLIST} | {INDEX} | {HEAD} | {LEDGER}
    | plans/{_DIGEST}(?:-{_NUMBER})?\.json
    | statements/{_NUMBER}\.(?:json|sig)
    | trust/{_DIGEST}/(?:trust\.json|policy\.json|allowed_signers|revoked_keys)
    | runs/{_NUMBER}\.(?:json|junit\.xml)
    | migrations/(?:reverse/|verify/)?[0-9][0-9A-Za-z._+-]{{0,199}}\.sql )""",
    re.ASCII,
)
_LINE = re.compile(rf"({_DIGEST})  ([!-~]{{1,300}})", re.ASCII)


@dataclass(frozen=True)
class Difference:
    """A file of a bundle (or the bundle itself) that is not as it should be, in a few words each."""

    name: str
    expected: str
    found: str

    def as_json(self) -> dict[str, str]:
        """For the JSON document."""
        return {"name": self.name, "expected": self.expected, "found": self.found}


def largest(name: str) -> int:
    """How many bytes the file may have."""
    return LARGEST_BUNDLE if name == LEDGER else LARGEST_FILE


def objection_to(name: str) -> str:
    """Why no file of a bundle can have this name; empty when one can. Nothing that a reader could follow elsewhere passes."""
    if _KNOWN.fullmatch(name):
        return ""
    parts = re.split(r"[/\\]", name)
    if not name.isascii() or not name.isprintable():
        return "a name with characters that no file of a bundle has"
    if name.startswith(("/", "\\")) or ":" in name or "\\" in name or {"", ".", ".."} & set(parts):
        return "a name that leads out of the bundle"
    return "a file that no bundle holds"


def sums_text(sums: Mapping[str, str]) -> str:
    """The content of SHA256SUMS, as `sha256sum -c` reads it; `sums` are digests by name."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()) if name != SUMS)


def read_sums(text: str) -> dict[str, str] | None:
    """The digests by name, or None when the text is not as `sums_text` writes it."""
    matches = [_LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    sums = {match[2]: match[1] for match in matches if match}
    return sums if sums_text(sums) == text else None
