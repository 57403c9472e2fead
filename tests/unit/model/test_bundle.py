"""Names and sums of a bundle's files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.bundle import LEDGER, SUMS, objection_to, read_sums, sums_text

DIGEST = "0a" * 32


@pytest.mark.parametrize(
    "name",
    [
        "README.txt",
        SUMS,
        LEDGER,
        f"plans/{DIGEST}.json",
        f"plans/{DIGEST}-7.json",
        "statements/7.sig",
        f"trust/{DIGEST}/revoked_keys",
        "runs/12.junit.xml",
        "migrations/1_a.sql",
        "migrations/verify/20250725000001_points-and.coupons.sql",
    ],
)
def test_names_that_bundles_hold(name: str) -> None:
    assert not objection_to(name)
    assert objection_to(f"{name}\n")
    assert objection_to(f"../{name}")


@given(st.text())
def test_nothing_else_passes_that_a_reader_could_follow(name: str) -> None:
    parts = name.split("/")
    if not objection_to(name):
        assert name.isascii()
        assert name.isprintable()
        assert not set(name) & set('\\:*?"<>| ')
        assert not {"", ".", ".."} & set(parts)


def test_sums() -> None:
    sums = {"b": DIGEST, "a": "ff" * 32, SUMS: "00" * 32}
    text = sums_text(sums)
    assert text == f"{'ff' * 32}  a\n{DIGEST}  b\n"
    assert read_sums(text) == {"a": "ff" * 32, "b": DIGEST}
    assert read_sums("") == {}


@pytest.mark.parametrize(
    "text",
    [
        f"{DIGEST}  a",
        f"{DIGEST} a\n",
        f"{DIGEST}  b\n{DIGEST}  a\n",
        f"{DIGEST}  a\n{DIGEST}  a\n",
        f"{DIGEST.upper()}  a\n",
        "\n",
    ],
)
def test_sums_that_are_written_in_another_way(text: str) -> None:
    assert read_sums(text) is None
