"""Reads Markdown as far as a checklist needs it: headings with their anchors, links, and sections that nobody has written yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

# github-slugger, which GitHub's anchors follow: letters, marks, numbers, connectors, hyphens and blanks stay.
_NOT_IN_ANCHORS = regex.compile(r"[^\p{L}\p{M}\p{N}\p{Pc}\- ]")
# Capitals only: "a todo list" and "[see below]" are prose.
_PLACEHOLDER = regex.compile(r"\b(?:TODO|TBD|TBC|FIXME)\b|_{3,}|\[[A-Z][A-Z0-9 _/-]+\]|(?i:\blorem ipsum\b)")
_PLACEHOLDER_TAG = regex.compile(r"<(?:your|insert|enter|todo|tbd)\b[^>]*>", regex.IGNORECASE)


_COMMENT = regex.compile(r"<!--.*?(?:-->|\Z)", regex.DOTALL)
_TAG = regex.compile(r"""</?([a-zA-Z][a-zA-Z0-9-]{0,40}+)((?:[^<>"']|"[^"]{0,2000}+"|'[^']{0,2000}+'){0,4000}+)>""")
_ATTRIBUTE = regex.compile(r"""\s(id|name|href|src)\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", regex.IGNORECASE)


@dataclass(frozen=True)
class Heading:
    """A heading: its text without markup, its level from 1 to 6, its line from 1, and its anchor on GitHub."""

    text: str
    level: int
    line: int
    anchor: str


@dataclass(frozen=True)
class Link:
    """A link or image as written, with the line from 1 at which its paragraph begins."""

    target: str
    line: int


@dataclass(frozen=True)
class Unwritten:
    """A section that still waits for its author, and why it seems so."""

    heading: str
    line: int
    reason: str


@dataclass(frozen=True)
class _Section:
    heading: Heading
    tokens: list[Token] = field(default_factory=list)
    has_subsection: bool = False


@dataclass(frozen=True)
class Markdown:
    """One document. What stands in code is code: no heading, no link, no placeholder."""

    text: str

    @cached_property
    def _tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.text)

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """Every heading in order."""
        used: dict[str, int] = {}
        found = []
        for token, content in zip(self._tokens, self._tokens[1:], strict=False):
            if token.type == "heading_open":
                text = _text(content)
                found.append(Heading(text, int(token.tag[1:]), _line(token), _anchor(text, used)))
        return tuple(found)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Every link and image, those in HTML included."""
        return tuple(Link(target, _line(token)) for token in self._tokens for target in _targets(token))

    @cached_property
    def anchors(self) -> frozenset[str]:
        """Everything that `#...` can point to: headings, and ids and names in HTML."""
        written = {name for token in self._tokens for part in _with_children(token) for name in _html(part).names}
        return frozenset(written | {heading.anchor for heading in self.headings})

    def unwritten(self) -> Iterator[Unwritten]:
        """Sections with nothing in them, and sections that hold placeholders (`TODO`, `____`, `[LINK]`)."""
        for section in self._sections():
            written = section.has_subsection or any(_is_content(token) for token in section.tokens)
            found = [reason for token in section.tokens for reason in _placeholders(token)]
            if not written and not found:
                yield Unwritten(section.heading.text, section.heading.line, "is empty")
            elif found:
                yield Unwritten(section.heading.text, section.heading.line, f"still holds {found[0]}")

    def _sections(self) -> Iterator[_Section]:
        # What stands before the first heading is a section too, which may be empty.
        headings = iter(self.headings)
        section = _Section(Heading("the beginning", 0, 1, ""), has_subsection=True)
        in_heading = False
        for token in self._tokens:
            if token.type == "heading_open":
                heading = next(headings)
                yield _Section(section.heading, section.tokens, heading.level > section.heading.level)
                section = _Section(heading)
                in_heading = True
            elif token.type == "heading_close":
                in_heading = False
            elif not in_heading:
                section.tokens.append(token)
        yield section


def _anchor(text: str, used: dict[str, int]) -> str:
    base = anchor = _NOT_IN_ANCHORS.sub("", text.strip().lower()).replace(" ", "-")
    while anchor in used:
        used[base] += 1
        anchor = f"{base}-{used[base]}"
    used[anchor] = 0
    return anchor


def _with_children(token: Token) -> Iterator[Token]:
    yield token
    yield from token.children or ()


def _text(token: Token) -> str:
    parts = (child.content for child in token.children or () if child.type in ("text", "code_inline", "image"))
    return " ".join("".join(parts).split())


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _targets(token: Token) -> Iterator[str]:
    for part in _with_children(token):
        target = part.attrGet("href") if part.type == "link_open" else part.attrGet("src")
        if target:
            yield str(target)
        yield from _html(part).targets


def _is_content(token: Token) -> bool:
    """Whether a reader sees something; a comment or an empty list is nothing."""
    if token.type in ("fence", "code_block"):
        return bool(token.content.strip())
    parts = _with_children(token)
    return any(part.type in ("code_inline", "image") or bool(_visible_text(part).strip()) for part in parts)


def _visible_text(token: Token) -> str:
    return token.content if token.type == "text" else _html(token).text


def _placeholders(token: Token) -> Iterator[str]:
    # A line of nothing but underscores is a rule in Markdown, and a blank to fill in for people.
    if token.type == "hr" and set(token.markup) == {"_"} and len(token.markup) > 3:
        yield "a blank to fill in"
    for part in token.children or ():
        wanted = {"text": _PLACEHOLDER, "html_inline": _PLACEHOLDER_TAG}.get(part.type)
        for match in wanted.finditer(part.content) if wanted else ():
            yield "a blank to fill in" if match[0].startswith("_") else match[0][:40]


@dataclass(frozen=True)
class _Html:
    """The ids and names, link targets, and text of a piece of HTML."""

    names: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    text: str = ""


def _html(token: Token) -> _Html:
    # The standard library's parser raises on `<![x` and takes quadratic time for a comment that never ends.
    if token.type not in ("html_inline", "html_block"):
        return _Html()
    content = _COMMENT.sub("", token.content)
    found = [
        (tag[1].lower(), name.lower(), "".join(value))
        for tag in _TAG.finditer(content)
        for name, *value in _ATTRIBUTE.findall(tag[2])
    ]
    names = tuple(value for tag, name, value in found if name == "id" or (tag, name) == ("a", "name"))
    targets = tuple(value for tag, name, value in found if (tag, name) in (("a", "href"), ("img", "src")))
    return _Html(names, targets, _TAG.sub(lambda tag: "." if tag[1].lower() == "img" else "", content))
