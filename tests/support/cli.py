"""Runs the real program as an operator's shell or CI job would: another process, its own environment, real pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PATIENCE_S = 120
PROGRAM = (sys.executable, "-m", "pointsctl")


@dataclass(frozen=True)
class Result:
    """How the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout; anything else on stdout fails here."""
        return json.loads(self.out)

    def finding(self, item_id: str) -> dict[str, Any]:
        """One finding of a run's JSON document."""
        found: dict[str, Any] = next(one for one in self.json["findings"] if one["id"] == item_id)
        return found


def environment(home: Path, **variables: str) -> dict[str, str]:
    """A small process environment; nothing of the caller's but PATH."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **variables}


def pointsctl(
    *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None, home: Path | None = None
) -> Result:
    """Run a command to its end."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env=environment(home or cwd, **(variables or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


def write_checklist(folder: Path, items: str, *, database_url: str = "${DATABASE_URL}", version: int = 1) -> Path:
    """A checklist with one section; `items` is YAML, each item starting with `- id:` at the left margin."""
    indented = "\n".join(f"          {line}" for line in items.strip().splitlines())
    path = folder / "checklist.yaml"
    path.write_text(
        f"""version: {version}
title: A checklist of a test
environments:
  here:
    database_url: {database_url}
phases:
  - id: pre-deployment
    title: Before
    sections:
      - id: section
        title: A section
        items:
{indented}
""",
        encoding="utf-8",
    )
    return path
