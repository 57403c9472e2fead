"""Use case: check an evidence bundle with nothing but itself and ssh-keygen, and name everything that is not as it should be."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsctl.errors import ExitCode, StorageError, UsageError
from pointsctl.ledger.bundle import Derived, Renderer, Wanted, derive, describe
from pointsctl.ledger.bundle_zip import Archive, ArchiveError
from pointsctl.ledger.heads import NotedHead
from pointsctl.ledger.verification import Progress
from pointsctl.model.bundle import CHECKLIST, INDEX, LEDGER, MIGRATIONS, README, SUMS, Difference, read_sums
from pointsctl.model.ledger import Head, is_hash
from pointsctl.model.strict_json import JsonError, parse_canonical

_TOOL = re.compile(r"[0-9][0-9A-Za-z.+-]{0,39}", re.ASCII)
_NEEDED = (INDEX, LEDGER, SUMS)
_BUNDLE = "the bundle"


@dataclass(frozen=True)
class Request:
    """What is asked for. `heads` must be in the ledger; `policy`: the digest of the policy from which all others must follow,
    None when it is not known; `junit` writes a run as JUnit XML, as version `tool` of pointsctl does; `variables` is the
    process environment, for PATH.
    """

    heads: tuple[Head, ...]
    policy: str | None
    junit: Renderer
    tool: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Verified:
    """What was looked at and found. `files` is how many there are; `derived` what the ledger in the bundle says, None when
    it was not got at; `compared` whether a policy and a head were given to compare with; `differences` what is wrong.
    """

    files: int
    derived: Derived | None
    compared: tuple[bool, bool]
    differences: tuple[Difference, ...]
    unjudged: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong; a bundle of which nothing was read is never whole."""
        return self.derived is not None and not self.derived.damages and not self.differences

    @property
    def exit_code(self) -> ExitCode:
        """0 for a whole bundle, 1 for a damaged one."""
        return ExitCode.DONE if self.whole else ExitCode.BAD


def is_envelope(path: Path) -> bool:
    """Whether the file looks like an in-toto attestation, and not like a bundle. Raises StorageError."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return file.read(1) == b"{"
    except OSError as error:
        reason = (error.strerror or "refused").lower()
        raise StorageError(f"cannot read {path}: {reason}", hint="check the path and its permissions") from None


def known_policy(text: str | None) -> str | None:
    """The digest that was given, if any. Raises UsageError when it is none."""
    if text is not None and not is_hash(text):
        raise UsageError("not the digest of a policy", hint="give all 64 digits, as `pointsctl trust show` prints them")
    return text


def verify_evidence(path: Path, request: Request, progress: Progress) -> Verified:
    """Verify a bundle.

    1. The archive is of the one form that is written, so that all readers see the same files. 2. Every file has its sum, and
    there are no others. 3. The ledger is whole, with its signatures. 4. Everything else is what follows from the ledger.
    Raises BundleUnreadableError, StorageError, ToolMissingError.
    """
    try:
        with Archive(path) as archive:
            return _verified(archive, request, progress)
    except ArchiveError as error:
        return Verified(0, None, _compared(request), (error.difference,))


def _verified(archive: Archive, request: Request, progress: Progress) -> Verified:
    found, differences = _digests(archive)
    names = len(archive.entries)
    missing = [Difference(name, "a file that every bundle holds", "none") for name in _NEEDED if name not in found]
    if missing:
        return Verified(names, None, _compared(request), (*differences, *missing))
    differences += _sums(archive.content(SUMS), found)
    stated = _stated(archive)
    if isinstance(stated, Difference):
        return Verified(names, None, _compared(request), (*differences, stated))
    plan, tool = stated
    derived, expected = _derived(archive, found, request, plan, tool, progress)
    unjudged = tool if tool != request.tool else ""
    if unjudged:
        # How a run is shown may change between versions; what it says is in runs/*.json, which is compared.
        expected |= {name: found[name] for name in expected if _is_rendering(name) and name in found}
    differences += [*derived.differences, *_compare(expected, found)]
    differences += _root(derived, request.policy)
    return Verified(names, derived, _compared(request), _once(differences), unjudged)


def _is_rendering(name: str) -> bool:
    return name == README or name.endswith(".junit.xml")


def _compared(request: Request) -> tuple[bool, bool]:
    return request.policy is not None, bool(request.heads)


def _digests(archive: Archive) -> tuple[dict[str, str], list[Difference]]:
    """The digest of every file; those that do not have their own checksum are named, and count as absent."""
    found, differences = {}, []
    for name in archive.entries:
        try:
            found[name] = archive.digest(name)
        except ArchiveError as error:
            differences.append(error.difference)
    return found, differences


def _sums(content: bytes, found: Mapping[str, str]) -> list[Difference]:
    """What SHA256SUMS says, against what is there."""
    listed = read_sums(content.decode("ascii", "replace"))
    if listed is None:
        return [Difference(SUMS, "lines as `sha256sum` writes them, sorted by name", "something else")]
    there = {name: digest for name, digest in found.items() if name != SUMS}
    return [
        Difference(name, _words(listed.get(name), f"in {SUMS}"), _words(there.get(name), "in the archive"))
        for name in sorted(listed.keys() | there.keys())
        if listed.get(name) != there.get(name)
    ]


def _words(digest: str | None, where: str) -> str:
    return f"SHA-256 {digest} {where}" if digest else f"no such file {where}"


def _stated(archive: Archive) -> tuple[str | None, str] | Difference:
    """Which plan was selected, and the version that made the bundle: all that evidence.json says and the ledger does not."""
    try:
        value: Any = parse_canonical(archive.content(INDEX))
    except JsonError as error:
        return Difference(INDEX, "canonical JSON", error.message)
    value = value if isinstance(value, dict) else {}
    plan, tool = value.get("plan"), value.get("tool")
    if (plan is None or is_hash(plan)) and isinstance(tool, str) and _TOOL.fullmatch(tool):
        return plan, tool
    return Difference(INDEX, "the index of a bundle", "something else")


def _derived(
    archive: Archive, found: Mapping[str, str], request: Request, plan: str | None, tool: str, progress: Progress
) -> tuple[Derived, dict[str, str]]:
    """What the ledger says, and the digests of all files that follow from it and from the project's files that are there."""
    expected = {LEDGER: found[LEDGER]}

    def sink(name: str, content: bytes) -> None:
        expected[name] = hashlib.sha256(content).hexdigest()

    heads = tuple(NotedHead(head, "the head that was given") for head in request.heads)
    with tempfile.TemporaryDirectory(prefix="pointsctl-") as folder:
        ledger = Path(folder) / LEDGER
        with ledger.open("xb") as file:
            file.writelines(archive.parts(LEDGER))
        derived = derive(ledger, Wanted(plan, request.junit, request.variables, heads), sink, progress)
    vouched = derived.contents.vouched()
    there = {name: digest for name, digest in found.items() if name == CHECKLIST or name.startswith(MIGRATIONS)}
    # In the place of a file that was changed stands one that was planned, so that its change is told once.
    files = {
        name: digest if digest in vouched[name] else min(vouched[name])
        for name, digest in there.items()
        if name in vouched
    }
    expected |= files
    describe(derived.contents, files, tool, sink)
    return derived, expected


def _compare(expected: Mapping[str, str], found: Mapping[str, str]) -> list[Difference]:
    """Files that are not what the ledger says, or that it knows nothing of; SHA256SUMS was compared with all of them."""
    return [
        Difference(
            name, _words(expected.get(name), "by what the ledger says"), _words(found.get(name), "in the archive")
        )
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name) and name != SUMS
    ]


def _root(derived: Derived, known: str | None) -> list[Difference]:
    root = derived.contents.root
    if known is None or known == root:
        return []
    return [Difference(_BUNDLE, f"all policies follow from {known}", f"they follow from {root or 'none'}")]


def _once(differences: list[Difference]) -> tuple[Difference, ...]:
    """Each file once, with the first thing that is wrong with it."""
    first: dict[tuple[str, str], Difference] = {}
    for one in differences:
        first.setdefault((one.name, one.expected if one.name in {_BUNDLE, LEDGER} else ""), one)
    return tuple(first.values())
