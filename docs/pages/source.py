"""The checklist that the pages are made from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pointsctl.workflow.load_checklist import Loaded, load_checklist

CHECKLIST = Path(__file__).resolve().parents[2] / "checklist.yaml"


@cache
def shipped_checklist() -> Loaded:
    """checklist.yaml, loaded without a single variable set, so that the pages are the same everywhere."""
    return load_checklist(CHECKLIST, {})
