"""A note that somebody wants to have recorded: it stays for ever and is shown to others, so not every text can be one."""

from __future__ import annotations

from pointsctl.errors import UsageError
from pointsctl.model.redaction import redact

LONGEST = 2_000
"""Characters of a note."""


def recorded_note(text: str) -> str:
    """The note as it is recorded, which may have several lines. Raises UsageError for one that cannot be."""
    note = text.strip()
    if len(note) > LONGEST or not _is_text(note) or redact(note) != note:
        expected = f"at most {LONGEST:,} characters of UTF-8 without a secret"
        raise UsageError(f"the note cannot be recorded; expected {expected}", hint="say where more is written")
    return note


def _is_text(note: str) -> bool:
    """Bytes of an argument that are no UTF-8 arrive as characters that cannot be written."""
    try:
        note.encode()
    except UnicodeEncodeError:
        return False
    return True
