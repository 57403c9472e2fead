"""YAML becomes plain data with places, and nothing that could grow, hide or mislead is let in."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pointsctl.model import document as documents
from pointsctl.model.document import MAX_BYTES, MAX_DEPTH, MAX_NODES, DocumentError, parse_document, place_at
from pointsctl.model.problems import Place, Problem


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        parse_document(text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *((text, text) for text in ("no", "on", "yes", "off", "y", "1_000", "12:30", "2024-01-01", "0x1F", "0o17")),
        *((text, text) for text in ("007", "1e3", ".inf", ".nan", "1.", "+", "2024-01-01 10:00:00", "<<", "=")),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("'12'", "12"),
        ('"true"', "true"),
        ("9" * 19, "9" * 19),
    ],
)
def test_only_plain_numbers_and_words_are_more_than_text(written: str, value: object) -> None:
    data = parse_document(f"a: {written}\n").data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_keys_are_texts_whatever_they_look_like() -> None:
    assert parse_document("1: a\nyes: b\n<<: c\n").data == {"1": "a", "yes": "b", "<<": "c"}


def test_places_count_lines_and_columns_from_one() -> None:
    document = parse_document("a:\n  - b: é x\n    c: [1, 2]\n")
    assert document.place(("a", 0, "b")) == Place(2, 8)
    assert document.place(("a", 0, "c"), key=True) == Place(3, 5)
    assert document.place(("a", 0, "c", 1)) == Place(3, 12)


def test_the_place_of_what_is_not_written_is_its_nearest_parent() -> None:
    document = parse_document("a:\n  b: 1\n")
    assert document.place(("a", "missing", 3)) == Place(2, 3)
    assert document.place(("other",)) == Place(1, 1)


def test_a_byte_order_mark_at_the_beginning_is_skipped() -> None:
    assert parse_document("\ufeffa: 1\n").data == {"a": 1}


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object/apply:os.system [ls]", "a: !!python/name:os.system ''", "a: !x y", "!!set {a: null}",
     "a: !!str 1", "a: !!binary aGk=", "a: !!python/object:os.x {a: 1}", "a: ! b", "!<tag:x> k: v"],
)  # fmt: skip
def test_every_tag_is_refused_and_never_repeated(text: str) -> None:
    found = problems(text)
    assert [problem.message for problem in found] == ["tags are not allowed"]
    assert "os" not in found[0].line("f").replace("quotes", "")


def test_every_anchor_and_alias_is_named_at_once() -> None:
    found = problems("a: &x [1]\nb: *x\nc: !t 1\n")
    assert [(problem.place.line, problem.message) for problem in found] == [
        (1, "anchors and aliases are not allowed"),
        (2, "anchors and aliases are not allowed"),
        (3, "tags are not allowed"),
    ]


def test_an_alias_bomb_is_refused_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_compose", _must_not_be_called)
    levels = "".join(f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in ("ab", "bc", "cd", "de"))
    assert problems(f"a: &a [x]\n{levels}")[0].place == Place(1, 4)
    assert problems("&a [*a]")[0].place == Place(1, 1)


@pytest.mark.parametrize(
    "nested",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000, "".join(f"{' ' * n}a:\n" for n in range(1_000))],
    ids=["brackets", "braces", "dashes", "questions", "indented"],
)
def test_depth_is_noticed_after_a_few_events(nested: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_compose", _must_not_be_called)
    seen = _count_events(monkeypatch)
    assert problems(nested)
    assert len(seen) < 10 * MAX_DEPTH


def test_too_many_values_are_noticed_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_compose", _must_not_be_called)
    seen = _count_events(monkeypatch)
    assert "too deeply or holds too much" in problems("- a\n" * (4 * MAX_NODES))[0].message
    assert len(seen) <= MAX_NODES + 10


def test_a_text_that_is_too_large_is_not_parsed_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _count_events(monkeypatch)
    (problem,) = problems("a" * (MAX_BYTES + 1))
    assert (problem.message, problem.found) == ("the file is too large", "1,000,001 characters")
    assert seen == []


@pytest.mark.parametrize(
    "text", ["%TAG !a! tag:x\n" * 40_000, "%YAML 1.2\n---\na: 1\n", "a: 1\n...\n%TAG !a! tag:x\n---\nb: 1\n"]
)
def test_directives_are_refused_before_the_parser_sees_them(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _count_events(monkeypatch)
    (problem,) = problems(text)
    assert problem.message == "a line cannot begin with %"
    assert problem.place == place_at(text, text.index("%"))
    assert seen == []


@pytest.mark.parametrize("char", ["\0", "\x1b", "\x7f", "\x9b", "\ud800", "\ufffe", "\ufeff"])
def test_a_forbidden_character_is_named_with_its_place(char: str) -> None:
    (problem,) = problems(f"a: 1\nbé: x{char}y\n")
    assert problem.line("f") == f"f:2:6: a character that YAML does not allow; found U+{ord(char):04X}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1\nb: 2\n", Place(2, 2)),
        ("a: 1\n b: 2\n", Place(2, 3)),
        ("a: @x\n", Place(1, 4)),
        ("a: 'x\n", Place(2, 1)),
    ],
)
def test_syntax_errors_have_a_place(text: str, place: Place) -> None:
    (problem,) = problems(text)
    assert problem.place == place
    assert problem.message.startswith("not valid YAML")


def test_all_doubled_and_odd_keys_are_named_and_the_first_value_stays() -> None:
    found = problems("a: 1\nb: {c: 1, c: 2}\na: 3\n? [x]\n: 4\n")
    assert [(problem.place, problem.message) for problem in found] == [
        (Place(2, 11), "the key 'c' is written twice"),
        (Place(3, 1), "the key 'a' is written twice"),
        (Place(4, 3), "a key must be plain text"),
    ]


def test_a_second_document_is_refused() -> None:
    assert problems("a: 1\n---\nb: 2\n")[0].place.line == 2


def test_an_empty_text_is_nothing() -> None:
    assert parse_document("").data is None
    assert parse_document("# a comment\n").data is None


@given(st.text())
def test_any_text_is_data_or_a_document_error(text: str) -> None:
    assert all(problem.place >= Place(1, 1) for problem in attempt(text)[1])


def attempt(text: str) -> tuple[Any, tuple[Problem, ...]]:
    """The data, or the problems; any other exception is the test's failure."""
    try:
        return parse_document(text).data, ()
    except DocumentError as error:
        return None, error.problems


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=8), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(plain_values)
def test_what_a_yaml_writer_writes_is_read_back(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_style='"')
    data, found = attempt(text)
    if found:
        # With its style forced to quotes, the writer marks every number, word and control character with a tag.
        assert {problem.message for problem in found} == {"tags are not allowed"}
        assert "!!" in text
    else:
        assert data == value


def _must_not_be_called(text: str) -> None:
    raise AssertionError(f"{len(text)} characters were composed before the limits were looked at")


def _count_events(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    seen: list[object] = []
    parse = yaml.parse

    def counted(text: str, Loader: Any) -> Any:  # noqa: N803  (the name that PyYAML gives it)
        for event in parse(text, Loader=Loader):
            seen.append(event)
            yield event

    monkeypatch.setattr(yaml, "parse", counted)
    return seen
