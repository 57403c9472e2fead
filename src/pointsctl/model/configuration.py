"""The parts of a checklist that configure the rest: environments, backup, approvals, migrations, functions, rollout, metrics, triggers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.model.duration import Duration

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class Settings(pydantic.BaseModel):
    """Base of the configuring values: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Environment(Settings):
    """A place that can be deployed to, or looked at."""

    database_url: str = pydantic.Field(description="postgresql://...; a password comes from the process environment")
    functions_url: str = pydantic.Field("", description="base address of the edge functions, without /functions/v1")
    protected: bool = pydantic.Field(False, description="changing it asks for its name to be typed")
    at: dict[Name, Name] = pydantic.Field(
        default_factory=dict,
        description="which environment an item's `at: NAME` means here, when it is not NAME itself",
    )
    variables: dict[str, str] = pydantic.Field(
        default_factory=dict, description="variables that `env`, `command` and `http` items see here"
    )


class Backup(Settings):
    """Where backups go and how long they are kept."""

    store: str = pydantic.Field("", description="file:///folder or s3://bucket/prefix")
    retention: Duration = timedelta(days=7)
    fresh_for: Duration = pydantic.Field(timedelta(hours=24), description="how old the verified backup may be")
    restore_into: str = pydantic.Field(
        "ephemeral", description="`ephemeral`, or the environment with the scratch server"
    )


class ApprovalRole(Settings):
    """Somebody who must sign, or may have to."""

    title: str
    required: bool = True


class Approvals(Settings):
    """Who signs."""

    valid_for: Duration = timedelta(days=7)
    distinct_people: bool = True
    roles: dict[Name, ApprovalRole] = pydantic.Field(default_factory=dict)


class Migrations(Settings):
    """Where the migration files are and how they are applied."""

    directory: str = "supabase/migrations"
    reverse_directory: str = "supabase/reverse"
    engine: Literal["native", "supabase"] = "native"
    window: Duration = pydantic.Field(timedelta(minutes=30), description="how long the migration is expected to take")


class Functions(Settings):
    """The edge functions and the platform that runs them."""

    platform: str = "supabase"
    project: str = ""
    names: tuple[Name, ...] = ()
    watch_logs_for: Duration = timedelta(minutes=15)


class Stage(Settings):
    """One step of the rollout: a share of users, held for a time."""

    percent: float = pydantic.Field(gt=0, le=100)
    hold: Duration | None = None


class Rollout(Settings):
    """The canary and the stages after it."""

    flag: str = ""
    stages: tuple[Stage, ...] = ()


class Metric(Settings):
    """A number that stages and triggers compare with a limit."""

    title: str
    unit: str = ""
    source: str = "sql"


class Trigger(Settings):
    """When to roll back: a metric above its limit, or a person who declares it."""

    title: str
    metric: Name | None = None
    above: float | None = None
    declared: bool = pydantic.Field(False, description="a person decides; no number can")

    @pydantic.model_validator(mode="after")
    def _measured_or_declared(self) -> Trigger:
        if self.declared == (self.metric is not None) or (self.metric is None) != (self.above is None):
            raise ValueError("expected either `metric` with `above`, or `declared: true`")
        return self
