"""The real squawk: what it finds, in which line, and that silence of it is never taken for a clean file."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from pointsctl import squawk
from pointsctl.errors import CouldNotLookError, TookTooLongError, ToolMissingError, UsageError
from pointsctl.model.lint_rules.every import RULES
from pointsctl.squawk import Squawk, SquawkFile
from pointsctl.workflow.cancellation import TimeLimit

PATH = os.environ["PATH"]
DROP = b"-- a comment\n\ndrop table public.t;\n"


def program(seconds: float = 60, path: str = PATH) -> Squawk:
    return Squawk(path, TimeLimit(seconds, time.monotonic))


def look(*contents: bytes, alone: bool = False, excluded: tuple[str, ...] = ()) -> list[tuple[int, int, str]]:
    found = program().look([SquawkFile(one, alone) for one in contents], excluded=excluded)
    return [(one.file, one.line, one.rule) for one in found]


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Another program of that name, which says that it is the right one."""
    file = folder / "squawk"
    version = 'if [ "$1" = --version ]; then echo squawk 2.99.0; exit 0; fi'
    file.write_text(f"#!/bin/sh\n{version}\n{script}\n", "utf-8")
    file.chmod(stat.S_IRWXU)
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(folder))


def test_lines_and_files_are_those_that_were_given() -> None:
    assert look(b"select 1;\n", DROP) == [(1, 3, "ban-drop-table")]


def test_a_clean_file_has_no_findings() -> None:
    assert look(b"select 1;\n", b"") == []


def test_a_concurrent_index_alone_is_no_finding() -> None:
    assert look(b"create index concurrently i on public.t (a);\n", alone=True) == []


def test_rules_can_be_left_out_and_an_unknown_one_is_an_error() -> None:
    assert look(DROP, excluded=("ban-drop-table",)) == []
    with pytest.raises(UsageError, match="no-such-rule"):
        look(DROP, excluded=("no-such-rule",))
    with pytest.raises(UsageError, match="is no rule"):
        look(DROP, excluded=("ban-drop-table,ban-drop-column --include x",))


def test_a_configuration_above_is_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["ban-drop-table"]\n', "utf-8")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert look(DROP) == [(0, 3, "ban-drop-table")]


def test_more_than_an_answer_holds_is_asked_in_parts() -> None:
    many = b"drop table public.t;\n" * 1500
    assert len(look(many, many, many)) == 4500


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    look(DROP)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "script",
    ["echo '[]'", "exit 0", "echo nonsense", "kill -9 $$", 'echo \'[{"file":"other.sql"}]\'', "echo '[]'; exit 1"],
)
def test_a_program_that_looked_at_nothing_is_never_a_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    stand_in(monkeypatch, tmp_path, script)
    with pytest.raises(CouldNotLookError, match="no answer"):
        look(b"select 1;\n")


def test_a_missing_program_and_another_version_are_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(ToolMissingError, match="not installed"):
        program(path=str(tmp_path))
    (tmp_path / "squawk").write_text("#!/bin/sh\necho squawk 1.9.0\n", "utf-8")
    (tmp_path / "squawk").chmod(stat.S_IRWXU)
    with pytest.raises(ToolMissingError, match="expected squawk 2"):
        program()


def test_one_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, "while :; do :; done")
    with pytest.raises(TookTooLongError):
        program(seconds=0.5).look([SquawkFile(DROP, alone=False)])


def test_our_rules_have_names_of_their_own() -> None:
    assert not {rule.id for rule in RULES} & {*squawk.INCLUDED, *squawk.EXCLUDED}
    with pytest.raises(UsageError, match="has no rule"):
        look(b"select 1;", excluded=(RULES[0].id,))
