"""Problems in a checklist: where it is, what was found, what was expected, and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where a value sits in a document: keys and list positions from the root."""


@dataclass(frozen=True, order=True)
class Place:
    """A position in a text; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """One thing to mend. `found` is the text as written in the file, never an expanded variable."""

    place: Place
    message: str
    found: str = ""
    expected: str = ""
    nearest: str = ""

    def line(self, file: str) -> str:
        """One line in the form that editors and CI systems recognise: `file:line:column: message`."""
        parts = [f"{file}:{self.place.line}:{self.place.column}: {self.message}"]
        if self.found:
            parts.append(f"found {self.found}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        text = "; ".join(parts)
        return f"{text} (did you mean {self.nearest!r}?)" if self.nearest else text


def nearest(name: str, valid: Iterable[str]) -> str:
    """The valid name closest to `name`, or an empty text when none is close."""
    matches = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.6)
    return matches[0] if matches else ""


def shown(text: str, limit: int = 60) -> str:
    """A quoted, single-line, length-limited form of something that a person wrote; control characters are escaped."""
    quoted = repr(text if len(text) <= limit else text[: limit - 1] + "…")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in quoted)
