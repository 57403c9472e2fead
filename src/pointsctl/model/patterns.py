"""Regular expressions from a checklist: checked when it is loaded, and searched under a time limit."""

from __future__ import annotations

from typing import Annotated

import regex
from pydantic import AfterValidator, StringConstraints

from pointsctl.errors import TookTooLongError

LONGEST = 1_000
SECONDS = 2.0
"""How long one search may take. A pattern such as `(a|aa)+$` needs longer than anybody waits on the wrong text."""


def compile_pattern(pattern: str) -> regex.Pattern[str]:
    """The compiled pattern. Raises ValueError, which quotes the reason and never the pattern, for one that is not valid."""
    try:
        return regex.compile(pattern, regex.MULTILINE)
    except (regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"expected a regular expression; {_reason(error)}") from None


def finds(pattern: str, text: str, *, seconds: float = SECONDS) -> bool:
    """Whether `pattern` occurs anywhere in `text`; `^` and `$` also stand for the ends of lines.

    Other threads go on meanwhile. Raises TookTooLongError after `seconds`: a search that did not end has said nothing.
    """
    try:
        return compile_pattern(pattern).search(text, concurrent=True, timeout=seconds) is not None
    except TimeoutError:
        raise _too_long(seconds) from None


def matches_whole(pattern: str, text: str, *, seconds: float = SECONDS) -> bool:
    """Whether `pattern` matches the whole of `text`. Raises TookTooLongError after `seconds`."""
    try:
        return compile_pattern(pattern).fullmatch(text, concurrent=True, timeout=seconds) is not None
    except TimeoutError:
        raise _too_long(seconds) from None


def _compiles(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


def _finds_something(pattern: str) -> str:
    # A pattern that matches the empty text is found in every text, so an expectation made of it can never fail.
    if finds(pattern, ""):
        raise ValueError("expected a regular expression that does not match an empty text")
    return pattern


def _too_long(seconds: float) -> TookTooLongError:
    return TookTooLongError(
        f"searching with a regular expression took over {seconds:g} s",
        hint="write the expression without choices that overlap, such as (a|aa)+",
    )


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, regex.error) else "it is too deeply nested"


WholePattern = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST), AfterValidator(_compiles)]
"""A regular expression that a whole text must match."""

Pattern = Annotated[WholePattern, AfterValidator(_finds_something)]
"""A regular expression that is looked for in a text, and can fail to be found."""
