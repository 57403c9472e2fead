"""docs/audits.md: every SQL audit and probe, from the headers of its file."""

from __future__ import annotations

from collections.abc import Iterator

from pages.markdown import NOTE, table
from pages.source import shipped_checklist
from pointsctl.postgres import sqlfiles

_INTRODUCTION = """\
An audit is one SQL statement that returns the offending rows; item kind [sql_audit](kinds.md#sql_audit) and
`pointsctl audit run` execute it. Before the statement runs, what it requires is looked up: a missing table or role, or rows
that the asking role may not see, is an error and never a pass.
"""
_PROBES = """\
A probe tries something and is always rolled back; item kind [sql_probe](kinds.md#sql_probe) executes it.
"""


def page() -> str:
    """Every audit, then every probe, in the order of their names."""
    lines = [NOTE, "# Audits and probes\n", _INTRODUCTION]
    lines += [text for name in sqlfiles.names("audits") for text in _file("audits", name)]
    lines += ["# Probes\n", _PROBES]
    lines += [text for name in sqlfiles.names("probes") for text in _file("probes", name)]
    return "\n".join(lines)


def _file(folder: str, name: str) -> Iterator[str]:
    file = sqlfiles.load(folder, name)
    yield f"## {file.id}\n"
    yield f"{file.title[:1].upper()}{file.title[1:]}.\n"
    facts = {"severity": file.severity, "why": file.why, "remedy": file.remedy, "requires": ", ".join(file.requires)}
    facts |= file.headers
    facts["used by"] = ", ".join(f"`{item}`" for item in _users(folder, file.id))
    yield "\n".join(f"- {key}: {value}" for key, value in facts.items() if value) + "\n"
    rows = [
        (f"`{key}`", one.type, "required" if one.required else f"`{_shown(one.default)}`", one.description)
        for key, one in file.parameters.items()
    ]
    if rows:
        yield from table(("parameter", "type", "default", "meaning"), rows)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _users(folder: str, name: str) -> list[str]:
    items = shipped_checklist().checklist.walk()
    return [item.id for item in items if name in item.parameters.get(folder, ())]
