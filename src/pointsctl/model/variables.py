"""`${VAR}` and `${VAR:-default}` in the values of a checklist; `$${` stands for a literal `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{")


@dataclass(frozen=True)
class Expansion:
    """`text` with every variable replaced; `missing` names those that are unset (or empty) and have no default.

    `malformed` says that a reference cannot be read: not closed, a wrong name, or a default that holds another reference.
    """

    text: str
    missing: tuple[str, ...] = ()
    malformed: bool = False
    used: tuple[str, ...] = ()


def expand(text: str, variables: Mapping[str, str]) -> Expansion:
    """Replace every reference. As in a shell's `:-`, an empty variable takes the default."""
    missing: list[str] = []
    used: list[str] = []
    malformed = False

    def replace(match: re.Match[str]) -> str:
        nonlocal malformed
        if match[0] == "$${":
            return "${"
        name = match[1]
        if name is None or "${" in (match[3] or ""):
            malformed = True
            return match[0]
        value = variables.get(name, "")
        if value:
            used.append(name)
            return value
        if match[2] is None:
            missing.append(name)
        return match[3] or ""

    return Expansion(_REFERENCE.sub(replace, text), tuple(missing), malformed, tuple(used))
