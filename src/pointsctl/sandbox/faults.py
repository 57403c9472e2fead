"""Plants one defect in an environment of the sandbox; the defects are the files of sql/sandbox/faults."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib.resources import files

from pointsctl.errors import UsageError
from pointsctl.postgres.administration import run_script
from pointsctl.sandbox.databases import OWNER, sandbox_cluster
from pointsctl.sandbox.layout import Layout
from pointsctl.sandbox.state import DATABASES


@dataclass(frozen=True)
class Fault:
    """A defect: its name, what it means, and the SQL that plants it."""

    name: str
    title: str
    script: str


def faults() -> dict[str, Fault]:
    """Return all faults by name, sorted."""
    found = {}
    for file in sorted(files("pointsctl.sql").joinpath("sandbox/faults").iterdir(), key=lambda each: each.name):
        if file.name.endswith(".sql"):
            text = file.read_text(encoding="utf-8")
            name = file.name.removesuffix(".sql")
            found[name] = Fault(name, text.splitlines()[0].removeprefix("-- "), text)
    return found


def find_fault(name: str) -> Fault:
    """Return the fault `name`. Raises UsageError that offers the nearest one."""
    known = faults()
    if name in known:
        return known[name]
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    raise UsageError(f"no fault {name!r}; the nearest is {nearest[0]}", hint=f"choose one of: {', '.join(known)}")


def plant(layout: Layout, environment: str, fault: Fault) -> None:
    """Plant `fault` in the database of `environment`, all or nothing; the server has to run.

    Most of a fault is done as the owner, so that new things belong to whom they would; some reach into the catalogue.
    """
    url = sandbox_cluster(layout).url(DATABASES[environment])
    run_script(url, f"set local role {OWNER};\n{fault.script}", what=f"planting {fault.name}")
