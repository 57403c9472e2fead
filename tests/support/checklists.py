"""Writes small checklists, loads them, and checks that a refusal is well formed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pointsctl.errors import ChecklistError, ExitCode
from pointsctl.workflow.load_checklist import Loaded, load_checklist

HEAD = "version: 1\ntitle: A checklist\n"
PHASE = "phases:\n- id: before\n  title: Before\n  sections:\n  - id: one\n    title: One\n    items:\n"
SECRETS = {"COUPON_SECRET": "s3cr3t-Value-of-the-coupon", "API_TOKEN": "t0ken-0123456789", "PLAIN": "shown"}
"""Variables as a process may have them; the value of `PLAIN` may be shown."""


def load(path: Path, text: str | bytes, variables: Mapping[str, str] | None = None) -> Loaded:
    """Write `text` to `path` and load it."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_checklist(path, variables or {})


def refusal(path: Path, variables: Mapping[str, str] | None = None) -> list[str]:
    """The problems without the file's name; checks that the error is well formed."""
    with pytest.raises(ChecklistError) as caught:
        load_checklist(path, variables or {})
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert error.hint
    assert error.problems
    assert all(line.startswith(f"{path}:") and line.isprintable() for line in error.problems)
    return [line.removeprefix(f"{path}:") for line in error.problems]


def problems(path: Path, text: str | bytes, variables: Mapping[str, str] | None = None) -> list[str]:
    """Write `text` to `path`; the problems for which it is refused."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return refusal(path, variables)


def item(item_id: str, more: str = "", kind: str = "attestation") -> str:
    """The line of one item, at line 10 when it is the first."""
    return f"    - {{id: {item_id}, title: An item, kind: {kind}{', ' if more else ''}{more}}}\n"


def checklist(*items: str, head: str = "") -> str:
    """A checklist with one section of these items; `head` stands before the phases."""
    return HEAD + head + PHASE + "".join(items)
