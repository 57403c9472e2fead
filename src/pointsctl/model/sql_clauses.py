"""The parts of a statement that do something by themselves: the statement, and what its blocks, functions and texts execute."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pointsctl.model.sql_tokens import Token, TokenKind, tokens, tokens_from

_DEEPEST = 4
_LONGEST = 5_000
MOST_CLAUSES = 1_000
"""Clauses that are read of one statement, and told as not read to its end; texts in texts could be without number."""

MOST_TOKENS = 20_000
"""The same for all of their tokens together: what is read as the beginning of several clauses counts in each of them."""

_BLOCK_LANGUAGES = ("plpgsql", "sql")
_BEFORE = ("begin", "atomic", "then", "else", "loop", "declare", "exception")
# Where one of these stands after a word that may begin a statement, it does; elsewhere `then` and `else` belong to CASE.
_BEGINS = re.compile(
    "alter|analyze|call|cluster|comment|copy|create|delete|do|drop|execute|grant|insert|lock|merge|perform|refresh|reindex"
    "|revoke|select|set|truncate|update|vacuum|with"
)
_PLACEHOLDER = re.compile(r"%(?:[0-9]+\$)?(?:-?[0-9]*)[sIL]")

Name = tuple[str | None, str]
"""A name as it is written: schema (None where search_path decides) and name, folded unless quoted."""


@dataclass(frozen=True)
class Clause:
    """Tokens that are executed together. `inside` says in what, for people: `a DO block`, empty for the statement itself.

    `called` means: not by the migration, but whenever somebody calls the function.
    """

    tokens: tuple[Token, ...]
    inside: str = ""
    called: bool = False

    @property
    def line(self) -> int:
        """Where it begins; 1 when it is empty."""
        return self.tokens[0].line if self.tokens else 1

    def begins(self, *words: str) -> bool:
        """Whether it begins with these words; `a|b` is either."""
        return self.has_at(0, *words)

    def has_at(self, start: int, *words: str) -> bool:
        """Whether these words stand from token number `start`."""
        part = self.tokens[start : start + len(words)]
        return len(part) == len(words) and all(
            token.word(*word.split("|")) for token, word in zip(part, words, strict=True)
        )

    def places(self, *words: str) -> Iterator[int]:
        """Every token number from which these words stand."""
        return (number for number in range(len(self.tokens)) if self.has_at(number, *words))

    def has(self, *words: str) -> bool:
        """Whether these words stand anywhere."""
        return next(self.places(*words), None) is not None

    def name_at(self, start: int) -> tuple[Name, int] | None:
        """The name that begins at token number `start`, after ONLY and IF [NOT] EXISTS, and the number behind it."""
        for skipped in (("if", "not", "exists"), ("if", "exists"), ("only",)):
            start += len(skipped) if self.has_at(start, *skipped) else 0
        parts: list[str] = []
        while start < len(self.tokens) and self.tokens[start].identifier:
            parts.append(self.tokens[start].value)
            start += 1
            if start >= len(self.tokens) or not self.tokens[start].sign("."):
                break
            start += 1
        if not parts:
            return None
        return (parts[-2] if len(parts) > 1 else None, parts[-1]), start

    def group_end(self, start: int) -> int:
        """Where the parentheses around token number `start` close, or the statement ends."""
        depth = 0
        for number in range(start, len(self.tokens)):
            token = self.tokens[number]
            depth += token.sign("(") - token.sign(")")
            if depth < 0 or (depth == 0 and token.sign(";")):
                return number
        return len(self.tokens)

    def top(self, start: int, end: int) -> Iterator[int]:
        """The token numbers from `start` to before `end` that are in no further parentheses."""
        depth = 0
        for number in range(start, end):
            token = self.tokens[number]
            depth -= token.sign(")")
            if depth == 0:
                yield number
            depth += token.sign("(")


def clauses(text: str, line: int = 1) -> tuple[Clause, ...]:
    """The statement, then what stands in its DO block or function, and what these EXECUTE where it can be read."""
    whole = Clause(tokens(text, line))
    return (whole, *_within_bounds(_inner(whole)))


def read_to_the_end(found: Sequence[Clause]) -> bool:
    """Whether these are all clauses of a statement, and not only those that are read of one without end."""
    inner = [len(one.tokens) for one in found[1:]]
    return len(found) < MOST_CLAUSES and sum(inner) < MOST_TOKENS and max(inner, default=0) < _LONGEST


def _within_bounds(found: Iterator[Clause]) -> Iterator[Clause]:
    read = 0
    for clause in islice(found, MOST_CLAUSES - 1):
        yield clause
        read += len(clause.tokens)
        if read >= MOST_TOKENS:
            return


def unreadable(clause: Clause) -> bool:
    """Whether it is a DO block or an EXECUTE in one whose text is not there to be read."""
    if clause.begins("do"):
        return _language(clause) not in _BLOCK_LANGUAGES
    if not clause.begins("execute") or not clause.inside or clause.called:
        return False
    first = next(tokens_from(_executed(clause)), None)
    return first is None or not _BEGINS.fullmatch(first.value)


def _inner(whole: Clause) -> Iterator[Clause]:
    if whole.begins("do"):
        if _language(whole) in _BLOCK_LANGUAGES:
            for token in whole.tokens:
                if token.kind is TokenKind.TEXT:
                    yield from _body(tokens(token.value, token.line), "a DO block", called=False, depth=0)
    elif _makes_function(whole):
        inside = "a function's body"
        for number in whole.places("begin", "atomic"):
            yield from _body(whole.tokens[number:], inside, called=True, depth=0)
        for number in whole.places("as"):
            for text in whole.tokens[number + 1 : number + 2]:
                if text.kind is TokenKind.TEXT and _language(whole) in _BLOCK_LANGUAGES:
                    yield from _body(tokens(text.value, text.line), inside, called=True, depth=0)


def _makes_function(whole: Clause) -> bool:
    return whole.begins("create", "function|procedure") or whole.begins("create", "or", "replace", "function|procedure")


def _language(whole: Clause) -> str:
    for number in whole.places("language"):
        if number + 1 < len(whole.tokens):
            return whole.tokens[number + 1].value.lower()
    return "plpgsql" if whole.begins("do") else "sql"


def _body(found: Sequence[Token], inside: str, *, called: bool, depth: int) -> Iterator[Clause]:
    if depth > _DEEPEST:
        return
    for start in _starts(found):
        last = min(len(found), start + _LONGEST)
        end = next((at for at in range(start, last) if found[at].sign(";")), last)
        clause = Clause(tuple(found[start:end]), inside, called)
        yield clause
        if clause.begins("execute"):
            text = _executed(clause)
            within = inside if inside.startswith("EXECUTE") else f"EXECUTE in {inside}"
            yield from _body(tokens(text, clause.line), within, called=called, depth=depth + 1)
        elif clause.begins("do"):
            for token in clause.tokens:
                if token.kind is TokenKind.TEXT:
                    yield from _body(tokens(token.value, token.line), inside, called=called, depth=depth + 1)


def _starts(found: Sequence[Token]) -> Iterator[int]:
    for number, token in enumerate(found):
        before = found[number - 1] if number else None
        behind_word = before is not None and (before.word(*_BEFORE) or before.sign(">"))
        if before is None or before.sign(";") or (behind_word and _BEGINS.fullmatch(token.value)):
            yield number


def _executed(clause: Clause) -> str:
    """What an EXECUTE is given, as far as it stands there; `x` stands for what is put in when it runs."""
    parts: list[str] = []
    formatted = clause.has_at(1, "format")
    for token in clause.tokens[3:] if formatted else clause.tokens[1:]:
        if token.word("using", "into") or (formatted and token.sign(",")):
            break
        if token.kind is TokenKind.TEXT:
            parts.append(_PLACEHOLDER.sub("x", token.value) if formatted else token.value)
        elif parts and token.identifier and not parts[-1].endswith(" x "):
            parts.append(" x ")
    return "".join(parts)
