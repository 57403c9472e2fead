"""Where a backup is restored to, as somebody names it: an environment, a variable that holds a URL, or a URL without password."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pointsctl.errors import ChecklistError, UsageError
from pointsctl.model.configuration import Environment
from pointsctl.postgres.connection import describe, parse_url
from pointsctl.postgres.identity import Identity
from pointsctl.postgres.reachability import Reached
from pointsctl.workflow.doctor_environments import Target, look_at
from pointsctl.workflow.load_checklist import Loaded

VARIABLE = "env:"


@dataclass(frozen=True)
class RestoreTarget:
    """A database to restore into. `environment` is its name where one was named, `label` how people call it."""

    url: str = field(repr=False)
    label: str
    environment: str = ""


def restore_target(
    text: str, find: Callable[[str], tuple[str, Environment]], variables: Mapping[str, str]
) -> RestoreTarget:
    """What `text` names: `staging`, `env:TARGET_URL`, or `postgresql://role@host/database`.

    `find` looks an environment up, `variables` is the process environment. Raises UsageError for a variable that is not set and
    for a URL with a password: every program on the machine can read an argument.
    """
    if text.startswith(VARIABLE):
        name = text.removeprefix(VARIABLE)
        url = variables.get(name, "")
        if not url:
            raise UsageError(
                f"the variable {name!r} is not set", hint=f"export {name}=postgresql://role:...@host/database"
            )
        return RestoreTarget(url, describe(url))
    if "://" not in text and "=" not in text:
        name, environment = find(text)
        return RestoreTarget(environment.database_url, f"{name} ({describe(environment.database_url)})", name)
    if parse_url(text).get("password"):
        raise UsageError(
            "the URL holds a password, and every program on this machine can read arguments",
            hint="put the URL into a variable and write --into env:NAME; consider the password as known",
        )
    return RestoreTarget(text, describe(text))


def protected_as(identity: Identity, loaded: Loaded, monotonic: Callable[[], float]) -> str | None:
    """The name of the protected environment whose database this is, by identity; None when it is that of none.

    Environments whose variables are not set or that do not answer within a few seconds cannot be compared.
    """
    targets = []
    for name, declared in loaded.checklist.environments.items():
        if declared.protected:
            try:
                targets.append(Target(name, loaded.environment(name)))
            except ChecklistError:
                continue
    looks = look_at(targets, monotonic)
    same = [name for name, seen in looks.items() if isinstance(seen, Reached) and seen.identity.same_database(identity)]
    return same[0] if same else None
