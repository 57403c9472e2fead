"""Headings, anchors, links and unwritten sections as a reader on GitHub sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model.markdown import Markdown


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Rollback procedure", "rollback-procedure"),
        ("🚨 CRITICAL WARNINGS", "-critical-warnings"),
        ("Canary (5%)", "canary-5"),
        ("`points_events` & co.", "points_events--co"),
        ("What's *new*?", "whats-new"),
        ("Größe – naïve", "größe--naïve"),
        ("[A link](x.md)", "a-link"),
    ],
)
def test_anchors_follow_githubs_rule(heading: str, anchor: str) -> None:
    assert [found.anchor for found in Markdown(f"## {heading}\n").headings] == [anchor]


def test_equal_headings_are_numbered_and_never_collide() -> None:
    text = "# A\n\n# A\n\n# A 1\n\n# A\n"
    assert [heading.anchor for heading in Markdown(text).headings] == ["a", "a-1", "a-1-1", "a-2"]


def test_code_holds_no_headings_links_or_placeholders() -> None:
    document = Markdown("# Real\n\n```md\n# Not\n[x](y.md) TODO\n```\n\n    # Indented\n\n`TODO ____`\n")
    assert [heading.text for heading in document.headings] == ["Real"]
    assert document.links == ()
    assert list(document.unwritten()) == []


def test_links_of_every_form_are_found() -> None:
    text = "[a](a.md) ![b](b.png) [c][ref] <a href='d.md'>d</a>\n\n<p><img src='e.png'></p>\n\n[ref]: c.md\n"
    assert sorted(link.target for link in Markdown(text).links) == ["a.md", "b.png", "c.md", "d.md", "e.png"]


def test_underlined_headings_and_html_anchors_count() -> None:
    document = Markdown("Title\n=====\n\n<a name='old'></a><div id=\"box\"></div>\n")
    assert {"title", "old", "box"} <= document.anchors


@pytest.mark.parametrize(
    "content",
    ["", "<!-- later -->", "TODO", "- TBD", "Name: ________", "____________", "[LINK]", "[EMAIL] [PHONE]", "Lorem ipsum dolor",
     "| a | b |\n|---|---|\n| TODO | x |", "![](x.png) FIXME", "<your-name>"],
)  # fmt: skip
def test_unwritten_sections(content: str) -> None:
    assert [section.heading for section in Markdown(f"# A\n\nText.\n\n## B\n\n{content}\n").unwritten()] == ["B"]


@pytest.mark.parametrize(
    "content",
    [
        "Text.",
        "- item",
        "```\ncode\n```",
        "![picture](x.png)",
        "a todo list, [see below] and snake__case",
        "| a |\n|---|",
        "### Sub\n\nx",
    ],
)
def test_written_sections(content: str) -> None:
    assert list(Markdown(f"# A\n\n## B\n\n{content}\n").unwritten()) == []


def test_last_of_nested_headings_must_have_content() -> None:
    assert [section.heading for section in Markdown("# A\n\n## B\n\n### C\n").unwritten()] == ["C"]


def test_placeholder_before_the_first_heading_is_found() -> None:
    assert [section.heading for section in Markdown("Owner: ____\n\n# A\n\nx\n").unwritten()] == ["the beginning"]


@pytest.mark.parametrize(
    "unit",
    ["<!--", "<div><![", "<div><? ", "<div></", "<a href='", '<div a="', "[a](", "*a_ ", "![[]", "<p>\n\n<!--\n"],
)
def test_hostile_markup_is_read_in_linear_time_and_never_raises(unit: str) -> None:
    document = Markdown(unit * (30_000 // len(unit)))
    assert document.anchors == frozenset()
    assert len(list(document.unwritten())) <= 1


@given(st.text(alphabet="# []()<>`_*\n\\!|-=aT0:/.\"'&;", max_size=200))
def test_no_text_raises(text: str) -> None:
    document = Markdown(text)
    assert len(document.headings) >= len(list(document.unwritten())) - 1
    assert all(link.target for link in document.links)
