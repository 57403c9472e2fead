"""Problems in a checklist: where it is, what was found, what was expected, and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pointsctl.model.redaction import redact

_LONGEST_NAME = 200
_MOST_NAMES = 2_000
_LONGEST_QUOTED = 20_000

Path = tuple[str | int, ...]
"""Where a value sits in a document: keys and list positions from the root."""


@dataclass(frozen=True, order=True)
class Place:
    """A position in a text; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """One thing to mend. `found` is the text as written in the file, never an expanded variable.

    `name` is what was written instead of one of the `valid` names; the nearest is looked for when the line is shown,
    because a file of another kind can hold a hundred thousand wrong names.
    """

    place: Place
    message: str
    found: str = ""
    expected: str = ""
    name: str = ""
    valid: Collection[str] = ()

    def line(self, file: str) -> str:
        """One line in the form that editors and CI systems recognise: `file:line:column: message`."""
        return f"{file}:{self.place.line}:{self.place.column}: {self.text()}"

    def text(self) -> str:
        """The message with what was found, what was expected, and the nearest valid name."""
        parts = [self.message]
        if self.found:
            parts.append(f"found {self.found}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        text = "; ".join(parts)
        close = nearest(self.name, self.valid)
        return f"{text} (did you mean {close!r}?)" if close else text


def nearest(name: str, valid: Iterable[str]) -> str:
    """The valid name closest to `name`, or an empty text when none is close (or the search would take long)."""
    names = list(valid)
    if not name or len(name) > _LONGEST_NAME or len(names) > _MOST_NAMES:
        return ""
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return matches[0] if matches else ""


def shown(text: str, limit: int = 60) -> str:
    """A quoted, single-line, length-limited form of something that a person wrote.

    Control characters are escaped, and passwords in URLs and other shapes that only secrets have are taken out.
    """
    text = redact(text[:_LONGEST_QUOTED])
    quoted = repr(text if len(text) <= limit else text[: limit - 1] + "…")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in quoted)
