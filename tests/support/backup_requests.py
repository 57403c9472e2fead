"""What the workflows about backups are asked with."""

from __future__ import annotations

import itertools
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from pointsctl.model.configuration import Environment
from pointsctl.workflow.backup_request import BackupRequest
from pointsctl.workflow.check_environment import Surroundings
from pointsctl.workflow.load_checklist import load_checklist

OLGA = "olga@example.test"
_CHECKLIST = """\
version: 1
title: A checklist
environments:
  production: {{database_url: "{url}", protected: {protected}}}
backup: {{store: "{store}", retention: {retention}, scratch: "{scratch}"}}
phases:
- id: before
  title: Before
  sections:
  - id: one
    title: One
    items:
    - {{id: an.item, kind: attestation, title: An item}}
"""


def write_checklist(
    folder: Path, url: str = "${DATABASE_URL}", *, retention: str = "7d", protected: bool = False
) -> Path:
    """A checklist with one environment, `production`, and a store in the folder."""
    path = folder / "checklist.yaml"
    (folder / "store").mkdir(exist_ok=True)
    text = _CHECKLIST.format(
        url=url,
        store=(folder / "store").as_uri(),
        retention=retention,
        scratch=folder / "scratch",
        protected=str(protected).lower(),
    )
    path.write_text(text, encoding="utf-8")
    return path


def backup_request(folder: Path, url: str, *, retention: str = "7d", now: datetime | None = None) -> BackupRequest:
    """A request about `production`, whose database is that of `url`; its store is `folder/store`."""
    loaded = load_checklist(write_checklist(folder, retention=retention), {"DATABASE_URL": url})
    numbers = itertools.count()
    surroundings = Surroundings(
        variables={"PATH": os.environ["PATH"]},
        clock=lambda: now or datetime.now(UTC),
        monotonic=time.monotonic,
        new_id=lambda: f"{next(numbers):026d}",
    )
    return BackupRequest(loaded, "production", Environment(database_url=url), OLGA, "0", surroundings)
