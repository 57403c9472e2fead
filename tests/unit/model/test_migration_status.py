"""Every file and every row of a history stands somewhere exactly once, and drift is never hidden."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.migration_status import BAD, MigrationState, Standing, standings
from pointsctl.model.pending_migration import HistoryRow
from pointsctl.model.project_files import Project, ProjectFile, statements_digest

S = MigrationState
VERSIONS = st.sampled_from(["1", "10", "2", "20250101000001", "20250101000002", "", "a"])
DIGESTS = st.sampled_from([None, "x", "y"])
NAMES = st.sampled_from(["one", "two", "two.down"])


@st.composite
def project_files(draw: st.DrawFn, *, ordered: bool) -> ProjectFile:
    version, name, number = draw(VERSIONS), draw(NAMES), draw(st.integers(0, 10**9))
    after = tuple(draw(st.lists(VERSIONS, max_size=2))) if ordered else None
    return ProjectFile(version, name, f"{version}_{name}_{number}.sql", "0", digest=draw(DIGESTS), after=after)


@st.composite
def projects(draw: st.DrawFn) -> Project:
    ordered = draw(st.booleans())
    files = st.lists(project_files(ordered=ordered), max_size=6)
    reverse = st.lists(project_files(ordered=False), max_size=2)
    return Project(tuple(draw(files)), tuple(draw(reverse)), tuple(draw(st.lists(st.text(max_size=3), max_size=2))))


ROWS = st.lists(st.builds(HistoryRow, VERSIONS, st.none() | NAMES, digest=DIGESTS), max_size=6)


@given(projects(), ROWS)
def test_every_file_and_every_row_is_told_exactly_once(project: Project, rows: list[HistoryRow]) -> None:
    found = standings(project, rows)
    assert Counter(one.file for one in found if one.file) == Counter((*project.files, *project.reverse))
    assert Counter(one.row for one in found if one.row) == Counter(rows)
    assert Counter(one.place for one in found if not one.file and not one.row) == Counter(project.others)


@given(projects(), ROWS)
def test_drift_is_never_hidden(project: Project, rows: list[HistoryRow]) -> None:
    """What is called applied has been compared, and was the same."""
    for one in standings(project, rows):
        if one.state is S.APPLIED:
            assert one.file is not None
            assert one.row is not None
            assert one.row.version == one.file.version
            assert one.row.digest is not None
            assert one.row.digest == one.file.digest


@given(projects(), ROWS)
def test_what_is_pending_is_not_in_the_history_and_after_everything_that_is(
    project: Project, rows: list[HistoryRow]
) -> None:
    for one in standings(project, rows):
        if one.state is S.PENDING:
            assert one.file is not None
            assert one.file.version not in {row.version for row in rows}
            assert one.file.after is not None or all(row.version < one.file.version for row in rows)


@given(projects(), ROWS)
def test_a_row_without_a_file_and_a_version_that_two_files_have_are_bad(
    project: Project, rows: list[HistoryRow]
) -> None:
    known = {file.version for file in (*project.files, *project.reverse)}
    counted = Counter(file.version for file in project.files)
    for one in standings(project, rows):
        if one.version not in known and one.row is not None:
            assert one.state in BAD
        if one.file in project.files and counted[one.version] > 1:
            assert one.state is S.DUPLICATE


def file(version: str, digest: str | None = "x", name: str = "one", **more: object) -> ProjectFile:
    return ProjectFile(version, name, f"{version}_{name}.sql", "0", digest=digest, **more)  # type: ignore[arg-type]  # what a test varies


def row(version: str, digest: str | None = "x", name: str | None = "one") -> HistoryRow:
    return HistoryRow(version, name, digest=digest)


@pytest.mark.parametrize(
    ("files", "rows", "expected"),
    [
        ([file("1")], [], [S.PENDING]),
        ([file("1")], [row("1")], [S.APPLIED]),
        ([file("1")], [row("1", "y")], [S.DRIFTED]),
        ([file("1")], [row("1", None)], [S.UNKNOWN]),
        ([file("1", None)], [row("1")], [S.UNKNOWN]),
        ([file("1")], [row("1"), row("2")], [S.APPLIED, S.MISSING]),
        ([file("1"), file("2")], [row("2")], [S.OUT_OF_ORDER, S.APPLIED]),
        ([file("1"), file("3")], [row("2")], [S.OUT_OF_ORDER, S.MISSING, S.PENDING]),
        ([file("1"), file("1", name="two")], [row("1")], [S.DUPLICATE, S.DUPLICATE]),
        ([file("a", None, after=()), file("b", None, after=("a",))], [row("a", None)], [S.UNKNOWN, S.PENDING]),
        ([file("b", None, after=("a",))], [row("lost", None)], [S.UNKNOWN, S.MISSING]),
        ([], [row("1")], [S.MISSING]),
        ([], [], []),
    ],
)
def test_states(files: list[ProjectFile], rows: list[HistoryRow], expected: list[MigrationState]) -> None:
    assert [one.state for one in standings(Project(tuple(files)), rows)] == expected


def test_of_two_files_with_one_version_the_one_that_was_applied_is_named() -> None:
    one, two = file("1", "y"), file("1", "x", "two")
    found = standings(Project((one, two)), [row("1", "x")])
    assert [standing.row for standing in found] == [None, row("1", "x")]
    assert "what is applied is this one" in found[1].why


def test_a_reverse_script_that_was_applied_forwards_is_told() -> None:
    script = file("1", name="one.down")
    (pending,) = standings(Project((), (script,)), [])
    (applied,) = standings(Project((), (script,)), [row("1", name="one.down")])
    assert (pending.state, pending.applied) == (S.REVERSE, False)
    assert (applied.state, applied.applied, applied.why) == (S.REVERSE, True, "it was applied forwards")


def test_a_renamed_file_is_applied_and_the_other_name_is_told() -> None:
    (found,) = standings(Project((file("1"),)), [row("1", name="other")])
    assert (found.state, found.why) == (S.APPLIED, "applied under the name other")


def test_what_is_nothing_to_apply_says_so() -> None:
    (found,) = standings(Project((), others=("supabase/migrations/README.md",)), [])
    assert found == Standing(S.NO_MIGRATION, place="supabase/migrations/README.md")
    assert (found.name, found.version, found.applied) == ("supabase/migrations/README.md", "", None)


def test_a_digest_tells_statements_apart_that_look_alike_together() -> None:
    assert len({statements_digest(one) for one in (["a;b"], ["a", "b"], ["a;", "b"], ['a","b'], [], [""])}) == 6
