"""Contract of the kind `file`: documents that are missing, old, unfinished or badly linked fail."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pydantic
import pytest

from pointsctl.checks.file import File
from pointsctl.errors import CouldNotLookError, RefusedError, StorageError
from pointsctl.files import MAX_CONTENT_BYTES
from pointsctl.model.finding import Observation, Outcome
from tests.contract.checks_contract import Case, CheckContract
from tests.support.world import NOW, make_world

GOOD = """# Runbook

Read this first.

## When it goes wrong 🚨

See [the contacts](contacts.md#on-call) and [above](#runbook), or [the map](img/map.png "x").
<a id="here"></a> [again](#here) [web](https://example.org/x) [mail](mailto:a@b.c)

```sh
# Not A Heading [LINK](nowhere.md) TODO
```
"""
BAD = """# Runbook

## Nothing here

## Unfinished

- TODO: write this
- Name: ______________

## Links

[a](missing.md) [b](contacts.md#nobody) [c](#nowhere) [d](../../etc/passwd) ![e](img/none.png)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checklist's folder with documents in it."""
    root = tmp_path / "project"
    (root / "docs" / "img").mkdir(parents=True)
    (root / "docs" / "contacts.md").write_text("# Contacts\n\n## On call\n\nSomebody.\n")
    (root / "docs" / "img" / "map.png").write_bytes(b"png")
    for name, text in (("good.md", GOOD), ("bad.md", BAD)):
        (root / "docs" / name).write_text(text)
        os.utime(root / "docs" / name, (NOW.timestamp() - 3600,) * 2)
    return root


def look(folder: Path, **parameters: Any) -> Observation:
    """What a file item says."""
    return File.model_validate(parameters).look(make_world(folder))


def rows(observation: Observation) -> list[tuple[str, str]]:
    """What is wrong with what."""
    return [(str(row["object"]), str(row["detail"])) for row in observation.evidence["rows"]]


class TestFileContract(CheckContract):
    kind = "file"

    @pytest.fixture
    def clean(self, folder: Path) -> Case:
        parameters = {
            "path": "docs/good.md", "max_age": "2h", "min_size": 20, "links": True, "not_empty_sections": True,
            "headings": ["runbook", "when it  goes wrong 🚨"],
        }  # fmt: skip
        return Case(parameters, make_world(folder))

    @pytest.fixture
    def violating(self, folder: Path) -> Case:
        parameters = {"path": "docs/bad.md", "links": True, "not_empty_sections": True, "headings": ["Escalation"]}
        return Case(parameters, make_world(folder))

    @pytest.fixture
    def broken(self, folder: Path) -> Case:
        (folder / "loop.md").symlink_to("loop.md")
        return Case({"path": "loop.md"}, make_world(folder))


def test_every_defect_is_listed(folder: Path) -> None:
    found = rows(look(folder, path="docs/bad.md", links=True, not_empty_sections=True, headings=["Escalation"]))
    assert found == [
        ("Escalation", "is a heading that is missing"),
        ("Nothing here (line 3)", "is empty"),
        ("Unfinished (line 5)", "still holds TODO"),
        ("missing.md (line 12)", "leads to a file that does not exist"),
        ("contacts.md#nobody (line 12)", "leads to a heading that does not exist"),
        ("#nowhere (line 12)", "leads to a heading that does not exist"),
        ("../../etc/passwd (line 12)", "leads out of the checklist's folder"),
        ("img/none.png (line 12)", "leads to a file that does not exist"),
    ]


@pytest.mark.parametrize("path", ["docs/none.md", "docs/good.md/below", "docs", "dangling.md"])
def test_what_is_no_file_fails(folder: Path, path: str) -> None:
    (folder / "dangling.md").symlink_to("docs/none.md")
    assert look(folder, path=path).outcome is Outcome.FAIL


def test_empty_file_fails_without_any_expectation(folder: Path) -> None:
    (folder / "empty.md").touch()
    assert rows(look(folder, path="empty.md")) == [("empty.md", "is empty")]


def test_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert rows(look(folder, path="pipe")) == [("pipe", "is not a file")]


@pytest.mark.parametrize("seconds", [-7201, 3600])
def test_old_and_future_files_fail(folder: Path, seconds: int) -> None:
    os.utime(folder / "docs/good.md", (NOW.timestamp() + seconds,) * 2)
    assert look(folder, path="docs/good.md", max_age="2h").outcome is Outcome.FAIL
    assert look(folder, path="docs/good.md").outcome is Outcome.PASS


def test_age_is_counted_from_the_worlds_time(folder: Path) -> None:
    later = make_world(folder, now=NOW + timedelta(days=3))
    assert File.model_validate({"path": "docs/good.md", "max_age": "1d"}).look(later).outcome is Outcome.FAIL


@pytest.mark.parametrize("path", ["../secret.md", "link.md", "folder/secret.md"])
def test_leaving_the_folder_is_refused_unless_allowed(folder: Path, path: str) -> None:
    (folder.parent / "secret.md").write_text("# Secret\n\nx\n")
    (folder / "link.md").symlink_to(folder.parent / "secret.md")
    (folder / "folder").symlink_to(folder.parent)
    with pytest.raises(RefusedError):
        look(folder, path=path)
    assert look(folder, path=path, outside=True).outcome is Outcome.PASS


def test_absolute_path_is_refused(folder: Path) -> None:
    with pytest.raises(RefusedError):
        look(folder, path="/etc/passwd")


def test_markdown_that_is_too_large_is_an_error(folder: Path) -> None:
    (folder / "large.md").write_text("# A\n\n" + "x" * MAX_CONTENT_BYTES)
    with pytest.raises(CouldNotLookError, match="more than"):
        look(folder, path="large.md", headings=["A"])
    assert look(folder, path="large.md", min_size=MAX_CONTENT_BYTES).outcome is Outcome.PASS


def test_too_long_a_name_is_an_error(folder: Path) -> None:
    with pytest.raises(StorageError):
        look(folder, path="x" * 400)


def test_binary_file_fails_as_markdown(folder: Path) -> None:
    (folder / "binary.md").write_bytes(b"\xff\xfe\x00")
    assert rows(look(folder, path="binary.md", links=True)) == [("binary.md", "is not UTF-8 text")]


def test_document_without_headings_has_no_written_sections(folder: Path) -> None:
    (folder / "plain.md").write_text("Just text.\n")
    assert look(folder, path="plain.md", not_empty_sections=True).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "parameters",
    [{}, {"path": ""}, {"path": "a\x00b"}, {"path": "a", "headings": []}, {"path": "a", "min_size": 0},
     {"path": "a", "max_age": "soon"}, {"path": "a", "headings": [" "]}],
)  # fmt: skip
def test_nonsense_is_refused_when_it_is_loaded(parameters: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        File.model_validate(parameters)
