"""Only the command that is named is read; where none is, or an unknown one, all of them are."""

from __future__ import annotations

import pytest

from pointsctl.cli.main import _asked_for
from pointsctl.cli.root import app


@pytest.mark.parametrize("name", ["migrate", "gate"])
def test_the_command_that_is_named_is_alone(name: str) -> None:
    alone = _asked_for([name, "--help"])
    names = [group.name for group in alone.registered_groups] + [one.name for one in alone.registered_commands]
    assert names == [name]
    assert alone.registered_callback is app.registered_callback


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["migrat"]])
def test_all_of_them_are_there_for_help_suggestions_and_completion(arguments: list[str]) -> None:
    assert _asked_for(arguments) is app
