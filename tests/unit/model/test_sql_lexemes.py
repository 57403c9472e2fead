"""Which characters an identifier may hold, told by those that it cannot."""

from __future__ import annotations

import re

from pointsctl.model.sql_lexemes import FLAGS, NO_WORD

IN_ASCII = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$"
IN_WORD = re.compile(f"[^{NO_WORD}]", FLAGS)
OUTSIDE = re.compile(f"[{NO_WORD}]", FLAGS)


def test_letters_digits_and_everything_beyond_ascii_are_in_words() -> None:
    beyond = [chr(code) for code in range(0x80, 0x110000, 7)] + ["\x80", "ı", "K", "\U0010ffff", "\ud800"]
    assert all(IN_WORD.match(one) and not OUTSIDE.match(one) for one in beyond)
    inside = {chr(code) for code in range(0x80) if IN_WORD.match(chr(code))}
    assert inside == set(IN_ASCII)
    assert {chr(code) for code in range(0x80) if OUTSIDE.match(chr(code))} == set(map(chr, range(0x80))) - inside
