"""Which project of the platform is an environment's: its own, and nobody else's."""

from __future__ import annotations

from pointsctl.errors import RefusedError, UsageError
from pointsctl.model.checklist import Checklist
from pointsctl.model.configuration import Environment


def project_of(checklist: Checklist, name: str, environment: Environment) -> str:
    """The project of the environment `name`.

    `functions.project` is that of the protected environment, or of the only one; every other one names its own
    `functions_project`. Raises UsageError when there is none, RefusedError when another environment has the same.
    """
    project = _named(checklist, name, environment)
    if not project:
        hint = f"set `functions_project` of environment {name!r} in the checklist"
        raise UsageError(f"nobody knows which project of the platform environment {name!r} is", hint=hint)
    for other, one in checklist.environments.items():
        if other != name and _named(checklist, other, one) == project:
            raise RefusedError(
                f"the environments {name!r} and {other!r} have one project: {project!r}",
                hint="give each its own `functions_project`; what is deployed to one would be deployed to the other",
            )
    return project


def _named(checklist: Checklist, name: str, environment: Environment) -> str:
    return environment.functions_project or (checklist.functions.project if _is_main(checklist, name) else "")


def _is_main(checklist: Checklist, name: str) -> bool:
    """Whether `functions.project` can only mean this environment."""
    protected = [other for other, one in checklist.environments.items() if one.protected]
    return [name] in (protected, list(checklist.environments))
