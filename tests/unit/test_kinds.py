"""Open sets: built-in kinds by their file, a third party's by its entry point, and nothing vanishes silently."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl import kinds
from pointsctl.errors import UsageError
from tests.support.cli import pointsctl, write_checklist

ITEM = """
- id: team.moon
  title: The moon is full
  kind: moon
  with: {full: true}
"""
MODULE = """
from pointsctl.checks.interface import Check, World
from pointsctl.model.finding import Observation

class Moon(Check):
    full: bool

    def look(self, world: World) -> Observation:
        return Observation.passed("the moon is full", observed="full", expected="full")
"""


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed distribution that adds the kind `moon`, and tries to take over `gate`."""
    folder = tmp_path / "site"
    information = folder / "moonchecks-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: moonchecks\nVersion: 1\n")
    (information / "entry_points.txt").write_text(
        "[pointsctl.checks]\nmoon = moonchecks:Moon\ngate = moonchecks:Moon\n"
    )
    (folder / "moonchecks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(folder))
    _forget()
    yield folder
    _forget()
    sys.modules.pop("moonchecks", None)


def _forget() -> None:
    kinds.names.cache_clear()
    kinds._entry_points.cache_clear()


def test_every_file_is_a_kind_with_the_class_of_its_name() -> None:
    for open_set in ("checks", "reports"):
        assert len(kinds.names(open_set)) >= 5
        for kind in kinds.names(open_set):
            assert kinds.load(open_set, kind).__name__ == kinds.class_name(kind)


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        kinds.load("checks", "sql_adit")
    assert "sql_audit" in caught.value.hint


def test_a_third_party_adds_a_kind_through_an_entry_point(distribution: Path) -> None:
    assert "moon" in kinds.names("checks")
    assert kinds.load("checks", "moon").__name__ == "Moon"


def test_a_third_party_cannot_take_over_a_built_in_kind(distribution: Path) -> None:
    assert kinds.load("checks", "gate").__name__ == "Gate"


def test_a_kind_that_cannot_be_imported_is_named_with_its_distribution(distribution: Path) -> None:
    (distribution / "moonchecks.py").write_text("import no_such_module_anywhere")
    with pytest.raises(UsageError, match="no_such_module_anywhere") as caught:
        kinds.load("checks", "moon")
    assert "moonchecks" in caught.value.hint


def test_the_program_executes_a_third_partys_kind(distribution: Path, tmp_path: Path) -> None:
    write_checklist(tmp_path, ITEM, database_url="postgresql://nobody@/nothing?host=/nowhere")
    result = pointsctl("preflight", "--json", cwd=tmp_path, variables={"PYTHONPATH": str(distribution)})
    assert result.code == 0, result
    assert result.finding("team.moon")["observed"] == "full"


def test_a_third_partys_kind_has_its_parameters_checked_like_any_other(distribution: Path, tmp_path: Path) -> None:
    write_checklist(tmp_path, ITEM.replace("full: true", "ful: true"), database_url="postgresql://nobody@/nothing")
    result = pointsctl("preflight", "--json", cwd=tmp_path, variables={"PYTHONPATH": str(distribution)})
    assert result.code == 2
    assert "did you mean 'full'" in "".join(result.json["problems"])


def test_a_broken_kind_is_a_problem_with_its_place_in_the_checklist(distribution: Path, tmp_path: Path) -> None:
    (distribution / "moonchecks.py").write_text("raise RuntimeError('half installed')")
    write_checklist(tmp_path, ITEM, database_url="postgresql://nobody@/nothing")
    result = pointsctl("preflight", "--json", cwd=tmp_path, variables={"PYTHONPATH": str(distribution)})
    assert result.code == 2, result
    assert "half installed" in "".join(result.json["problems"])


def test_what_is_installed_beside_the_program_is_looked_through_only_for_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(**_: object) -> None:
        raise AssertionError("the installed distributions were looked through")

    _forget()
    monkeypatch.setattr("importlib.metadata.entry_points", never)
    assert kinds.exists("checks", "gate")
    assert kinds.load("checks", "gate").__name__ == "Gate"
    with pytest.raises(AssertionError):
        kinds.exists("checks", "moon")
    _forget()
