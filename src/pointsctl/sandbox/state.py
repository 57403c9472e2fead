"""What the sandbox remembers between commands: its own id and the secrets of its two environments."""

from __future__ import annotations

import secrets
from typing import Literal

import pydantic
from pydantic import ConfigDict, Field

from pointsctl.errors import StorageError
from pointsctl.files import write_private
from pointsctl.sandbox.layout import Layout

PRODUCTION_LIKE = "sandbox"
STAGING = "sandbox-staging"
DATABASES = {PRODUCTION_LIKE: "points", STAGING: "points_staging"}
PREFIXES = {PRODUCTION_LIKE: "", STAGING: "/staging"}


class EnvironmentSecrets(pydantic.BaseModel):
    """The secrets of one environment, each of 64 hex characters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jwt_secret: str = Field(min_length=32, repr=False)
    coupon_secret: str = Field(min_length=32, repr=False)

    @classmethod
    def new(cls) -> EnvironmentSecrets:
        """Make up new ones."""
        return cls(jwt_secret=secrets.token_hex(32), coupon_secret=secrets.token_hex(32))


class SandboxState(pydantic.BaseModel):
    """The content of state.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    document: Literal["pointsctl/sandbox-state/v1"] = Field("pointsctl/sandbox-state/v1", alias="schema")
    instance: str = Field(min_length=16)
    environments: dict[str, EnvironmentSecrets]

    @classmethod
    def new(cls) -> SandboxState:
        """The state of a sandbox that does not exist yet."""
        return cls(instance=secrets.token_hex(16), environments={name: EnvironmentSecrets.new() for name in DATABASES})


def read_state(layout: Layout) -> SandboxState | None:
    """Return the state, or None when there is no sandbox here. Raises StorageError when the file cannot be used."""
    try:
        state = SandboxState.model_validate_json(layout.state_file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"cannot read {layout.state_file}: {error.strerror}") from error
    except pydantic.ValidationError as error:
        # Not `from error`: its text quotes the values, and they are secrets.
        raise _unusable(layout, f"{error.error_count()} values are not as expected") from None
    if set(state.environments) != set(DATABASES):
        raise _unusable(layout, f"it names {', '.join(state.environments)} and not {', '.join(DATABASES)}")
    return state


def read_or_make_state(layout: Layout) -> SandboxState:
    """Return the state, making it first where there is none."""
    state = read_state(layout)
    if state is None:
        state = SandboxState.new()
        write_private(layout.state_file, state.model_dump_json(by_alias=True, indent=1))
    return state


def _unusable(layout: Layout, why: str) -> StorageError:
    return StorageError(
        f"the sandbox's state in {layout.state_file} cannot be used: {why}",
        hint="`pointsctl sandbox down --purge` removes the sandbox, `pointsctl sandbox up` makes a new one",
    )
