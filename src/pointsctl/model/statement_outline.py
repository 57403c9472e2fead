"""One SQL statement in a line that may be kept and shown: its words and names, without comments and without its texts. Pure."""

from __future__ import annotations

from typing import Final

from pointsctl.model.escape import plain
from pointsctl.model.statement_words import Token, tokens

_LIMIT: Final = 120
_TEXT: Final = "'…'"
# No blank stands before the first, nor after the second.
_CLOSE_UP_BEFORE: Final = frozenset(".,);:]")
_CLOSE_UP_AFTER: Final = frozenset(".(:[")


def outline(text: str) -> str:
    """The beginning of a statement such as `ALTER TABLE public.coupons ADD COLUMN note text DEFAULT '…'`.

    What stands in quotes may be anybody's secret, so it is left out. Never raises.
    """
    written, last = "", ""
    for token in tokens(text):
        shown = _shown(token)
        apart = written and not _joined(last, shown)
        written, last = f"{written}{' ' if apart else ''}{shown}", shown
        if len(written) > _LIMIT:
            return plain(f"{written[:_LIMIT]}…")
    return plain(written)


def _shown(token: Token) -> str:
    if token.kind == "text":
        return _TEXT
    return '"{}"'.format(token.value.replace('"', '""')) if token.kind == "name" else token.value


def _joined(last: str, shown: str) -> bool:
    return shown in _CLOSE_UP_BEFORE or last in _CLOSE_UP_AFTER or (last[-1:].isdigit() and shown[:1].isdigit())
