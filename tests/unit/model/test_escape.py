"""Text from outside stays one line of visible text, whatever is in it."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pointsctl.model.escape import LIMIT, markdown, plain
from tests.support.runs import HOSTILE

ANY_RUN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANY = st.text(st.characters(codec=None), max_size=80) | st.sampled_from(HOSTILE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("public.points_events", "public.points_events"),
        ("[red]x\x1b[2J", r"[red]x\x1b[2J"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066\u2069\u200b", r"\u2066\u2069\u200b"),
        ("\ud800\x9b\x7f", r"\ud800\x9b\x7f"),
        ("::error::x", r"\x3a:error::x"),
        ("::ERROR file=x::x", r"\x3a:ERROR file=x::x"),
        (":::stop-commands::x", r":\x3a:stop-commands::x"),
        ("##[group]", r"\x23#[group]"),
        ("###vso[x]", r"#\x23#vso[x]"),
        ("now()::date, '1'::text", "now()::date, '1'::text"),
        ("::errors::", "::errors::"),
        ("größe 幅 😀", "größe 幅 😀"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_long_text_is_cut_and_counted() -> None:
    shown = plain("x" * (LIMIT + 1234))
    assert shown == "x" * LIMIT + "… (1,234 more characters)"
    assert plain("x" * LIMIT) == "x" * LIMIT


@ANY_RUN
@given(ANY)
def test_always_printable_and_no_command(text: str) -> None:
    shown = plain(text)
    assert shown.isprintable()
    assert not re.search(r"##\w*\[|::(error|warning|add-mask|stop-commands)\b", shown, re.IGNORECASE)


@ANY_RUN
@given(ANY)
def test_nothing_is_lost(text: str) -> None:
    # The letters, digits and spaces of the text are still there in their order.
    kept = [char for char in text[:LIMIT] if char.isalnum() or char == " "]
    shown = iter(plain(text))
    assert all(char in shown for char in kept)


@ANY_RUN
@given(ANY)
def test_markdown_renders_to_the_same_text(text: str) -> None:
    rendered = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(f"| x |\n| --- |\n| -{markdown(text)}- |\n")
    )
    cell = re.search(r"<td>(.*)</td>", rendered)
    assert cell is not None
    assert "<" not in cell.group(1)
    # A zero-width space is added by `markdown` alone: `plain` lets none through. Blanks at the ends are the table's own.
    assert html.unescape(cell.group(1)).replace("\u200b", "").strip() == f"-{plain(text)}-".strip()


@ANY_RUN
@given(ANY)
def test_markdown_has_nothing_that_github_links_by_itself(text: str) -> None:
    seen = html.unescape(markdown(text))
    assert not re.search(r"[@#][^\u200b]|\bgh-\d", seen, re.IGNORECASE)
    assert not re.search(r"://|www\.", markdown(text), re.IGNORECASE)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("user_points_cache: 3", "user_points_cache: 3"),
        ("_x_", "&#95;x&#95;"),
        ("__a__", "&#95;&#95;a&#95;&#95;"),
        ("a|b", "a&#124;b"),
        ("@lead", "&#64;&#8203;lead"),
        ("owner/name#1", "owner/name&#35;&#8203;1"),
        ("GH-7", "GH-&#8203;7"),
        ("high-7", "high-7"),
        ("<!-- x", "&#60;!-- x"),
        ("&amp;", "&#38;amp;"),
    ],
)
def test_markdown_escapes(text: str, escaped: str) -> None:
    assert markdown(text) == escaped
