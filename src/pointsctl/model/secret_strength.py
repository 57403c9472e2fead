"""Judges a value without showing it: is it a placeholder, and how hard would it be to guess."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(
    r"admin|administrator|bar|baz|default|dummy|empty|example|fixme|foo|foobar|letmein|nil|none|null|password|placeholder"
    r"|postgres|sample|secret|string|supersecret|tba|tbc|tbd|temp|test|testing|todo|token|undefined|unset|value"
)
# Long enough that a random secret does not hold them by accident (an eight-letter run once in 10^11 base64 secrets).
_PHRASES = (
    "changeme", "changethis", "changeit", "replaceme", "replacethis", "replacewith", "fillmein", "goeshere", "puthere",
    "yourgenerated", "yoursecret", "yourpassword", "yourtoken", "yourproject", "yourdomain", "insertyour", "enteryour",
    "placeholder", "notarealsecret", "notasecret", "supersecret", "setmeplease",
)  # fmt: skip
_WRAPPED = re.compile(
    r"<.*>|\{\{.*\}\}|\[.*\]|\$\{.*\}|\$[A-Za-z_][A-Za-z0-9_]*|%[A-Za-z_][A-Za-z0-9_]*%|_{3,}|\.{3,}", re.DOTALL
)
_YOUR = re.compile(r"\byour[-_ ].*|\byour.{1,40}here\b|(?:^|[@/.])example\.(?:com|org|net)\b", re.IGNORECASE)
_CROSSED_OUT = re.compile(r"[xX*#?-]{3,}")
_RUNS = (
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv",
)
_RUN_LENGTH = 4
# zxcvbn keeps the words of a call in a table that all calls share.
_ZXCVBN = threading.Lock()
_WINDOW = 72  # zxcvbn reads no more at once
_WINDOWS = 4


def placeholder_reason(name: str, value: str, *, secret: bool) -> str:
    """Why `value` looks as if nobody had filled in the variable `name`; empty when it does not.

    Repetitions and runs of the keyboard are looked for in secrets only: `100` is a fine number of connections.
    """
    letters = re.sub(r"[^a-z0-9]", "", value.casefold())
    if _WORD.fullmatch(letters) or any(phrase in letters for phrase in _PHRASES) or _YOUR.search(value):
        return "is a placeholder"
    if _WRAPPED.fullmatch(value) or _CROSSED_OUT.fullmatch(value):
        return "is a blank to fill in"
    if letters and letters.rstrip("0123456789") == re.sub(r"[^a-z]", "", name.casefold()):
        return "repeats the variable's own name"
    return _monotony(value.casefold()) if secret else ""


def _monotony(value: str) -> str:
    if len(value) >= 3 and _period(value) * 2 <= len(value):
        return "repeats a few characters"
    if _in_runs(value) * 4 >= len(value) * 3:
        return "is a run of neighbouring characters"
    return ""


def _period(text: str) -> int:
    """The length of the shortest unit that `text` repeats, also when the end cuts the last one short; else its length."""
    # The prefix function of Knuth, Morris and Pratt: linear, so that a long value costs nothing.
    borders = [0] * len(text)
    length = 0
    for index in range(1, len(text)):
        while length and text[index] != text[length]:
            length = borders[length - 1]
        length += text[index] == text[length]
        borders[index] = length
    return len(text) - borders[-1]


def _in_runs(text: str) -> int:
    """How many characters belong to a run of the alphabet, the digits or a row of keys, in either direction."""
    rows = [row + row for line in _RUNS for row in (line, line[::-1])]
    covered = index = 0
    while index < len(text):
        length = max(_run_at(text, index, row) for row in rows)
        covered += length if length >= _RUN_LENGTH else 0
        index += length if length >= _RUN_LENGTH else 1
    return covered


def _run_at(text: str, start: int, row: str) -> int:
    at = row.find(text[start])
    if at < 0:
        return 0
    length = 0
    while start + length < len(text) and at + length < len(row) and text[start + length] == row[at + length]:
        length += 1
    return length


def estimated_bits(value: str, known: Iterable[str] = ()) -> float:
    """How many bits a guesser has to find out; low for words, names, dates, repetitions, sequences and keyboard runs.

    The lower one of two estimates: Shannon's entropy of the characters times the length, and zxcvbn's number of guesses,
    which knows dictionaries and counts a random character as 3.3 bits. So 32 random hex characters are about 95 bits here,
    64 about 200. `known` are words that a guesser would try first, such as the variable's name.
    """
    if not value:
        return 0.0
    # Only the strongest window counts: what repeats in the others adds nothing that could be proven here.
    windows = [value[start : start + _WINDOW] for start in range(0, min(len(value), _WINDOW * _WINDOWS), _WINDOW)]
    words = [word for word in known if word]
    return max(min(_shannon_bits(window), _guess_bits(window, words)) for window in windows)


def _shannon_bits(text: str) -> float:
    counts = Counter(text)
    return sum(count * math.log2(len(text) / count) for count in counts.values())


def _guess_bits(text: str, words: list[str]) -> float:
    import zxcvbn

    with _ZXCVBN:
        guesses = zxcvbn.zxcvbn(text, user_inputs=list(words))["guesses_log10"]
    return float(guesses) * math.log2(10)
