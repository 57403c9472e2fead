"""Whatever a command prints has no blanks at the ends of its rows, and loses nothing else."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pointsctl.cli.terminal import Terminal

_CELLS = st.text(alphabet="a é漢\t:[", max_size=12)


def _table(rows: list[list[str]]) -> Table:
    table = Table("stage", "", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


@given(st.lists(st.lists(_CELLS, min_size=2, max_size=2), max_size=5))
def test_a_table_has_no_blanks_at_the_ends_of_its_rows_and_is_otherwise_as_it_was(rows: list[list[str]]) -> None:
    trimmed, whole = io.StringIO(), io.StringIO()
    out = Terminal(trimmed)

    out.print(_table(rows))
    Console(file=whole, width=out.width, highlight=False).print(_table(rows))

    assert trimmed.getvalue().splitlines() == [line.rstrip(" ") for line in whole.getvalue().splitlines()]


@pytest.mark.parametrize("style", ["", "bold red"])
def test_a_styled_row_ends_with_its_last_character(style: str) -> None:
    stream = io.StringIO()

    Terminal(stream).print(Text("done   \n\n  next  "), style=style)

    assert stream.getvalue() == "done\n\n  next\n"


def test_a_prompt_keeps_the_blank_before_the_cursor() -> None:
    stream = io.StringIO()

    Terminal(stream).print("go on? ", end="")

    assert stream.getvalue() == "go on? "
