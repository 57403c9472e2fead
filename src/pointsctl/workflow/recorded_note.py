"""A note that somebody wants to have recorded: it stays for ever and is shown to others, so not every text can be one."""

from __future__ import annotations

from pointsctl.errors import UsageError
from pointsctl.model.redaction import redact

LONGEST = 2_000
"""Characters of a note."""


def recorded_note(text: str) -> str:
    """The note as it is recorded, which may have several lines. Raises UsageError for one that cannot be."""
    note = text.strip()
    printable = all(line.isprintable() for line in note.split("\n"))
    if len(note) > LONGEST or not printable or redact(note) != note:
        expected = f"at most {LONGEST:,} printable characters without a secret"
        raise UsageError(f"the note cannot be recorded; expected {expected}", hint="say where more is written")
    return note
