"""Anything at all is loaded, or refused with well-formed lines that hold no secret; nothing else happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pointsctl.errors import ChecklistError
from pointsctl.workflow.load_checklist import load_checklist
from tests.support.checklists import SECRETS

LINE = re.compile(r":[0-9]+:[0-9]+: .+")
REAL = (Path(__file__).resolve().parents[3] / "checklist.yaml").read_text("utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checklist.yaml"


def attempt(path: Path, data: bytes) -> None:
    """Loads, or is refused with well-formed lines that hold no secret."""
    path.write_bytes(data)
    try:
        load_checklist(path, SECRETS)
    except ChecklistError as caught:
        error = caught
    else:
        return
    assert error.problems
    assert all(LINE.fullmatch(line.removeprefix(str(path))) and line.isprintable() for line in error.problems)
    shown = "\n".join((*error.problems, error.message, error.hint))
    assert not any(SECRETS[name] in shown for name in ("COUPON_SECRET", "API_TOKEN"))


@given(st.text())
def test_any_text_loads_or_is_refused(path: Path, text: str) -> None:
    attempt(path, text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=400))
def test_any_bytes_load_or_are_refused(path: Path, data: bytes) -> None:
    attempt(path, data)


words = st.sampled_from(
    ["version", "title", "phases", "id", "kind", "with", "items", "needs", "gates", "sections", "environments", "at", "before", "a.b",
     "gate", "attestation", "planned", "env", "a.*", "*", "${COUPON_SECRET}", "${UNSET}", "${API_TOKEN}x", "database_url", "variables",
     "triggers", "metric", "metrics", "staging", "backup", "retention", "7d", "fields", "name", "type", "severity", "critical"]
)  # fmt: skip
scalars = words | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
structures = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5), max_leaves=30
)


@given(st.fixed_dictionaries({"version": st.just(1), "title": st.just("A checklist"), "phases": structures}, optional={"environments": structures, "triggers": structures, "metrics": structures, "backup": structures}))  # fmt: skip
@example(
    {"phases": [{"sections": [{"items": [{"id": ["${COUPON_SECRET}"], "with": {"items": [None]}, "kind": "gate"}]}]}]}
)
def test_any_structure_loads_or_is_refused(path: Path, data: dict[str, Any]) -> None:
    attempt(path, yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))


items = st.fixed_dictionaries(
    {"id": st.sampled_from(["a.b", "a.c", "b.c", "x", "${API_TOKEN}"]), "title": st.just("An item")},
    optional={
        "kind": words,
        "needs": structures,
        "with": structures,
        "at": scalars,
        "environments": structures,
        "items": structures,
    },
)


@given(st.lists(items, max_size=5))
def test_any_items_load_or_are_refused(path: Path, found: list[Any]) -> None:
    section = {"id": "one", "title": "One", "items": found}
    phases = [{"id": "before", "title": "Before", "gates": ["a.b"], "sections": [section]}]
    attempt(path, yaml.safe_dump({"version": 1, "title": "A checklist", "phases": phases}).encode())


lines = REAL.splitlines()
positions = st.integers(0, len(lines) - 1)
edits = st.lists(
    st.tuples(
        st.sampled_from(["delete", "double", "replace", "indent", "cut"]),
        positions,
        st.sampled_from(lines) | st.text(max_size=20),
    ),
    min_size=1,
    max_size=4,
)


@given(edits)
def test_the_shipped_checklist_with_slips_of_the_hand_loads_or_is_refused(
    path: Path, slips: list[tuple[str, int, str]]
) -> None:
    text = list(lines)
    for slip, position, other in slips:
        at = position % len(text)
        line = text[at]
        text[at : at + 1] = {
            "delete": [], "double": [line, line], "replace": [other], "indent": [f" {line}"], "cut": [line[: len(line) // 2]]
        }[slip]  # fmt: skip
    attempt(path, "\n".join(text).encode("utf-8", "surrogatepass"))
