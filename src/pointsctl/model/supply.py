"""Who can supply what a gate waits for: people by their roles, in words."""

from __future__ import annotations

from collections.abc import Iterable

from pointsctl.model.policy import Trust

_NAMED = 4


def holders(trust: Trust | None, roles: Iterable[str]) -> str:
    """The holders of the roles, such as `operations-lead: ada@example.test or grace@example.test`."""
    if trust is None:
        return "nobody: no policy is in force"
    found = []
    for role in dict.fromkeys(roles):
        held = trust.policy.roles.get(role)
        found.append(f"{role}: {either(held.principals) if held else 'nobody, the policy in force has no such role'}")
    return "; ".join(found) or "nobody: the policy in force names no role for it"


def anybody(trust: Trust | None) -> str:
    """Everybody who holds a role."""
    if trust is None:
        return "nobody: no policy is in force"
    people = dict.fromkeys(one for role in trust.policy.roles.values() for one in role.principals)
    return either(tuple(people))


def either(people: tuple[str, ...]) -> str:
    """`ada or grace`; only the first few of many."""
    more = f" or {len(people) - _NAMED} more" if len(people) > _NAMED else ""
    return " or ".join(people[:_NAMED]) + more
