"""Kind `file`: a document is there, fresh and large enough, says what it must, and its links lead somewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import pydantic
from pydantic import StringConstraints

from pointsctl.checks.interface import Check, World
from pointsctl.errors import RefusedError
from pointsctl.files import FileSeen, exists, see
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.duration import Duration, format_duration
from pointsctl.model.finding import JsonValue, Observation
from pointsctl.model.markdown import Link, Markdown
from pointsctl.model.problems import shown
from pointsctl.model.time_limit import stop_if_over

_MAX_ROWS = 50
# Clocks of two machines differ; more than this is a wrong date, and would keep a file fresh for ever.
_CLOCK_SKEW = timedelta(minutes=5)

HeadingText = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Row = dict[str, JsonValue]


class File(Check):
    """Looks at a file below the checklist's folder. A missing file fails; one that cannot be read is an error.

    `headings`, `links` and `not_empty_sections` read it as Markdown (CommonMark with tables).
    """

    path: str = pydantic.Field(
        min_length=1,
        max_length=1_000,
        pattern=r"^[^\x00]+$",
        description="the file, relative to the checklist's folder",
    )
    outside: bool = pydantic.Field(
        False, description="the file, or what it links to, may lie outside the checklist's folder"
    )
    max_age: Duration | None = pydantic.Field(
        None, description="how long ago it may have been changed, such as `30d`; a fresh clone makes every file new"
    )
    min_size: int = pydantic.Field(1, ge=1, le=10**12, strict=True, description="bytes at least")
    headings: tuple[HeadingText, ...] | None = pydantic.Field(
        None,
        min_length=1,
        max_length=100,
        description="headings that must be there, at any level and in any letter case",
    )
    links: bool = pydantic.Field(
        False, description="relative links, images and `#anchors` must lead somewhere; web addresses are not opened"
    )
    not_empty_sections: bool = pydantic.Field(
        False, description="every heading has something below it, and no `TODO`, `TBD`, `____` or `[LINK]` is left"
    )

    def how(self) -> str:
        """The file and what is looked for."""
        parts = [("headings", self.headings), ("links", self.links), ("sections", self.not_empty_sections)]
        wanted = [name for name, given in parts if given]
        return f"file {shown(self.path, 40)[1:-1]}" + (f": {', '.join(wanted)}" if wanted else "")

    def look(self, world: World) -> Observation:
        """Read the file. Raises StorageError, RefusedError (it lies outside), CouldNotLookError (too large to judge)."""
        stop_if_over(world.cancellation, f"reading {self.path!r}")
        base = Path(os.path.realpath(world.directory))
        seen = see(self._resolve(base), world.cancellation, keep=self._reads_markdown())
        if isinstance(seen, str):
            return self._failed([_row(self.path, seen)], {"path": self.path})
        rows = [
            *self._stale(seen, world.now),
            *(self._markdown_rows(seen, base, world.cancellation) if self._reads_markdown() else ()),
        ]
        evidence: dict[str, JsonValue] = {
            "path": self.path,
            "size": seen.size,
            "sha256": seen.sha256,
            "modified_at": f"{seen.modified_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        if rows:
            return self._failed(rows, evidence)
        observed = f"{seen.size:,} bytes, changed {seen.modified_at:%Y-%m-%d %H:%M}Z"
        return Observation.passed(
            f"{shown(self.path)} is as it should be", observed=observed, expected=self._expected(), evidence=evidence
        )

    def _reads_markdown(self) -> bool:
        return bool(self.headings or self.links or self.not_empty_sections)

    def _resolve(self, base: Path) -> Path:
        target = Path(os.path.realpath(base / self.path))
        if not self.outside and not target.is_relative_to(base):
            message = f"the file {self.path!r} lies outside the checklist's folder"
            raise RefusedError(message, hint="move it there, or say `outside: true`")
        return target

    def _failed(self, rows: list[Row], evidence: dict[str, JsonValue]) -> Observation:
        more = f"; {len(rows) - 1} more" if len(rows) > 1 else ""
        return Observation.failed(
            f"{shown(str(rows[0]['object']))} {rows[0]['detail']}{more}",
            observed=str(rows[0]["detail"]) if len(rows) == 1 else f"{len(rows)} defects",
            expected=self._expected(),
            hint=f"mend {shown(self.path)} and run the item again",
            evidence={**evidence, "rows": rows[:_MAX_ROWS], "total": len(rows)},
        )

    def _expected(self) -> str:
        parts = [f"at least {self.min_size:,} bytes" if self.min_size > 1 else "a file that is not empty"]
        parts += [f"changed within {format_duration(self.max_age)}"] if self.max_age else []
        parts += ["its headings, links and sections complete"] if self._reads_markdown() else []
        return ", ".join(parts)

    def _stale(self, seen: FileSeen, now: datetime) -> Iterator[Row]:
        if seen.size < self.min_size:
            yield _row(self.path, f"has {seen.size:,} bytes of {self.min_size:,} at least" if seen.size else "is empty")
        if self.max_age is None:
            return
        if seen.modified_at > now + _CLOCK_SKEW:
            yield _row(self.path, f"is dated in the future ({seen.modified_at:%Y-%m-%d %H:%M}Z)")
        elif now - seen.modified_at > self.max_age:
            yield _row(self.path, f"was changed {(now - seen.modified_at) // timedelta(days=1)} days ago")

    def _markdown_rows(self, seen: FileSeen, base: Path, cancellation: Cancellation) -> Iterator[Row]:
        text = _decoded(seen.content)
        if text is None:
            yield _row(self.path, "is not UTF-8 text")
            return
        document = Markdown(text)
        present = {_folded(heading.text) for heading in document.headings}
        for heading in self.headings or ():
            if _folded(heading) not in present:
                yield _row(heading, "is a heading that is missing")
        if self.not_empty_sections:
            yield from self._unwritten(document)
        if self.links:
            yield from _LinkReader(seen.place, base, self.outside, document, cancellation).broken()

    def _unwritten(self, document: Markdown) -> Iterator[Row]:
        if not document.headings:
            yield _row(self.path, "has no headings, so no sections")
        for section in document.unwritten():
            yield _row(f"{section.heading} (line {section.line})", section.reason)


class _LinkReader:
    """Follows the relative links of one document, reading each other document once."""

    def __init__(self, place: Path, base: Path, outside: bool, document: Markdown, cancellation: Cancellation) -> None:
        self._place = place
        self._base = base
        self._outside = outside
        self._anchors = {place: document.anchors}
        self._document = document
        self._cancellation = cancellation

    def broken(self) -> Iterator[Row]:
        """One row for each link that leads nowhere."""
        for link in self._document.links:
            stop_if_over(self._cancellation, "following the links")
            reason = self._problem(link)
            if reason:
                yield _row(f"{link.target} (line {link.line})", reason)

    def _problem(self, link: Link) -> str:
        try:
            parts = urlsplit(link.target)
        except ValueError:
            return "is not a link"
        if parts.scheme or parts.netloc:
            return ""
        target = self._target(unquote(parts.path))
        if target is None:
            return "leads out of the checklist's folder"
        if not exists(target):
            return "leads to a file that does not exist"
        return "" if self._has_anchor(target, unquote(parts.fragment)) else "leads to a heading that does not exist"

    def _target(self, path: str) -> Path | None:
        # As on GitHub, a leading slash means the top of the repository.
        start = self._base if path.startswith("/") else self._place.parent
        target = Path(os.path.realpath(start / path.lstrip("/"))) if path else self._place
        return target if self._outside or target.is_relative_to(self._base) else None

    def _has_anchor(self, target: Path, fragment: str) -> bool:
        if not fragment or fragment.casefold() == "top" or target.suffix.casefold() not in (".md", ".markdown"):
            return True
        if target not in self._anchors:
            seen = see(target, self._cancellation, keep=True)
            text = None if isinstance(seen, str) else _decoded(seen.content)
            self._anchors[target] = Markdown(text or "").anchors
        return fragment in self._anchors[target]


def _decoded(content: bytes) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _row(what: str, detail: str) -> Row:
    return {"object": what, "detail": detail}
