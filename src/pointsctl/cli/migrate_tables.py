"""How migrations stand, as a table, or two lines each where the terminal is narrow; one JSON document on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointsctl.cli.tables import console, print_json, print_wrapped
from pointsctl.model.ages import minute
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.model.migration_status import BAD, MigrationState, Standing

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from pointsctl.workflow.migration_status import AppliedBy, MigrationStatus

STATUS_SCHEMA = "pointsctl/migrations/v1"
_NARROW = 100
_LONGEST = 300
_HEADINGS = ("version", "name", "state", "recorded")
_STYLES = {
    MigrationState.APPLIED: "green",
    MigrationState.PENDING: "yellow",
    MigrationState.UNKNOWN: "yellow",
    **dict.fromkeys(BAD, "bold red"),
}
_NEXT = {
    MigrationState.REVERSE: "move reverse scripts into `migrations.reverse_directory`, named as what they undo",
    MigrationState.DUPLICATE: "give one of two files with one version another version",
    MigrationState.DRIFTED: "put back the file as it was applied (see it with --diff), and write a new migration",
    MigrationState.MISSING: "bring back the missing files (another branch?), or see `pointsctl migrate repair --help`",
    MigrationState.OUT_OF_ORDER: "rename what is out of order to a version after the newest, or apply with --include-all",
    MigrationState.UNKNOWN: "compare by hand what the history does not say",
    MigrationState.PENDING: "pointsctl migrate plan --env {environment}",
}


def print_status(found: MigrationStatus, *, as_json: bool) -> None:
    """Every migration, what is wrong with it, how many stand how, and what to do next."""
    if as_json:
        print_json(_document(found))
        return
    out = console()
    if out.width < _NARROW:
        _print_narrow(out, found)
    elif found.standings:
        _print_table(out, found)
    for place, lines in found.diffs.items():
        _print_diff(out, place, lines)
    for remark in found.remarks:
        print_wrapped(out, plain(remark, _LONGEST), style="bold red", indent=2)
    if found.objects is not None:
        _print_objects(out, found)
    for line in (_counts(found), _recorded_note(found), _next(found)):
        if line:
            print_wrapped(out, line)


def _cells(one: Standing, found: MigrationStatus) -> tuple[str, str, str, str]:
    return plain(one.version, 80), plain(one.name, 160), one.state.value, _recorded(one, found)


def _recorded(one: Standing, found: MigrationStatus) -> str:
    record = _record(one, found)
    return plain(f"{minute(record.at)} {record.by}", 120) if record else ""


def _record(one: Standing, found: MigrationStatus) -> AppliedBy | None:
    return found.records.get(one.version) if one.row is not None else None


def _print_table(out: Console, found: MigrationStatus) -> None:
    # By hand: a table of hundreds of rows takes rich longer than all the rest.
    from rich.cells import cell_len
    from rich.text import Text

    rows = [_cells(one, found) for one in found.standings]
    room = max(out.width // 2 - len(_HEADINGS[0]), len(_HEADINGS[1]))
    widths = [min(room, max(map(cell_len, column))) for column in zip(_HEADINGS, *rows, strict=True)]
    lines = [_line(_HEADINGS, widths, "bold", "bold")]
    for cells, one in zip(rows, found.standings, strict=True):
        lines.append(_line(cells, widths, "", _STYLES.get(one.state, "")))
        if one.why:
            out.print(Text("\n").join(lines), soft_wrap=True)
            _print_why(out, one)
            lines = []
    if lines:
        out.print(Text("\n").join(lines), soft_wrap=True)


def _line(cells: tuple[str, ...], widths: list[int], style: str, state_style: str) -> Text:
    from rich.cells import cell_len
    from rich.text import Text

    padded = [f"{cell}{' ' * (width - cell_len(cell))}" for cell, width in zip(cells, widths, strict=True)]
    version, name, state, recorded = padded
    line = Text.assemble((f"{version}  {name}  ", style), (state, state_style), (f"  {recorded}", style))
    line.rstrip()
    return line


def _print_narrow(out: Console, found: MigrationStatus) -> None:
    for one in found.standings:
        version, name, state, recorded = _cells(one, found)
        print_wrapped(out, f"{version} {name}".strip(), indent=2)
        print_wrapped(
            out, f"  {state}{f', {recorded}' if recorded else ''}", style=_STYLES.get(one.state, ""), indent=2
        )
        _print_why(out, one)


def _print_why(out: Console, one: Standing) -> None:
    if one.why:
        print_wrapped(out, f"  {plain(one.why, _LONGEST)}", style="dim", indent=2)


def _print_diff(out: Console, place: str, lines: tuple[str, ...]) -> None:
    print_wrapped(out, f"\n{plain(place, 200)}: - what was applied, + what the file holds", style="bold")
    for line in lines:
        style = "red" if line.startswith("-") else "green" if line.startswith("+") else ""
        print_wrapped(out, f"  {plain(line)}", style=style, indent=2)


def _print_objects(out: Console, found: MigrationStatus) -> None:
    objects = found.objects
    if objects is None:
        return
    if objects.failure is not None:
        why = f"objects that no migration made could not be looked for: {objects.failure.message}"
        print_wrapped(out, plain(why, _LONGEST), style="bold red", indent=2)
        return
    for one in objects.differences:
        print_wrapped(
            out,
            plain(f"{one.what} {one.differs.value}: expected {one.expected}, found {one.found}", _LONGEST),
            style="bold red",
            indent=2,
        )
    number = len(objects.differences)
    compared = f"{objects.compared:,} object{'s' * (objects.compared != 1)}"
    summary = f"{compared} compared with what {objects.replayed:,} migration{'s' * (objects.replayed != 1)} made"
    print_wrapped(out, f"{summary}: {f'{number} are not theirs' if number else 'nothing else is there'}")


def _counts(found: MigrationStatus) -> str:
    counted = [f"{number} {state.value}" for state in MigrationState if (number := found.number(state))]
    return ", ".join(counted) if counted else f"no migrations: neither files nor rows ({found.history})"


def _recorded_note(found: MigrationStatus) -> str:
    return f"who applied what is not known: {plain(found.unrecorded, _LONGEST)}" if found.unrecorded else ""


def _next(found: MigrationStatus) -> str:
    state = next((state for state in _NEXT if found.number(state)), None)
    return f"next: {_NEXT[state].format(environment=plain(found.environment))}" if state else ""


def _document(found: MigrationStatus) -> dict[str, Any]:
    return {
        "schema": STATUS_SCHEMA,
        "environment": found.environment,
        "history": found.history,
        "counts": {state.value: found.number(state) for state in MigrationState},
        "migrations": [_entry(one, found) for one in found.standings],
        "remarks": list(found.remarks),
        "ledger_unread": found.unrecorded,
        "objects": found.objects.document() if found.objects else None,
    }


def _entry(one: Standing, found: MigrationStatus) -> dict[str, Any]:
    record = _record(one, found)
    place = one.file.place if one.file else one.place or None
    return {
        "version": one.version or None,
        "name": one.name,
        "state": one.state.value,
        "applied": one.applied,
        "file": place,
        "sha256": one.file.sha256 if one.file else None,
        "why": one.why,
        "recorded": {"seq": record.seq, "kind": record.kind, "at": utc_text(record.at), "by": record.by}
        if record
        else None,
        "diff": list(found.diffs[place]) if place and place in found.diffs else None,
    }
