"""The parts of a checklist that configure the rest: environments, backup, approvals, migrations, functions, deployment, rollout, metrics, triggers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.model.duration import Duration

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]

Without = Literal["backup", "rehearsal", "functions"]
"""What an environment that is not protected may do without."""


class Settings(pydantic.BaseModel):
    """Base of the configuring values: frozen, and an unknown key is an error."""

    # A limit of `nan` or `inf` is never crossed, so a trigger with one would never fire.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
    store: str = pydantic.Field("", description="where its backups and anchors go, when not to `backup.store`")
    functions_platform: str = pydantic.Field("", description="where its functions run, when not `functions.platform`")
    functions_project: str = pydantic.Field(
        "", description="the platform's name for its project, when not `functions.project`"
    )
    without: tuple[Without, ...] = pydantic.Field(
        (), description="what is deployed here does without; refused where the environment is protected"
    )

    @pydantic.model_validator(mode="after")
    def _complete_where_protected(self) -> Environment:
        if self.protected and self.without:
            raise ValueError("a protected environment does without nothing; expected no `without`")
        return self


class LeftOut(Settings):
    """What a backup does not hold on purpose, because the platform supplies it; reports name it every time."""

    schemas: tuple[str, ...] = pydantic.Field((), description="schemas that are not backed up")
    extensions: tuple[str, ...] = pydantic.Field((), description="extensions that the copy does without")


class Backup(Settings):
    """Where backups go, how long they are kept, how they are taken and proven."""

    store: str = pydantic.Field("", description="file:///folder or s3://bucket/prefix")
    retention: Duration = pydantic.Field(timedelta(days=7), description="how long a backup is kept, at least")
    fresh_for: Duration = pydantic.Field(timedelta(hours=24), description="how old the verified backup may be")
    restore_into: str = pydantic.Field(
        "ephemeral",
        description="`ephemeral` (a private server of this machine), or the environment with the scratch server",
    )
    engine: str = pydantic.Field("pg_dump", description="how backups are taken")
    jobs: int = pydantic.Field(2, ge=1, le=64, description="how many connections dump and restore at once")
    scratch: str = pydantic.Field("/var/tmp", description="folder with room for a dump, and for a restored copy")  # noqa: S108 (what is made there is private)
    encrypt_to: tuple[str, ...] = pydantic.Field(
        (), description="public age keys (age1...); objects are encrypted to all"
    )
    leave_out: LeftOut = pydantic.Field(default_factory=LeftOut, description="what is not backed up on purpose")
    prelude: tuple[str, ...] = pydantic.Field(
        (), description="SQL files that run in the empty copy first, beside the checklist: what the platform supplies"
    )


class ApprovalRole(Settings):
    """Somebody who must sign, or may have to."""

    title: str = pydantic.Field(description="the role as people call it")
    required: bool = pydantic.Field(True, description="whether nothing goes on without this signature")


class Approvals(Settings):
    """Who signs."""

    valid_for: Duration = pydantic.Field(timedelta(hours=72), description="how long a signature counts")
    roles: dict[Name, ApprovalRole] = pydantic.Field(default_factory=dict, description="who signs, by the role's name")
    trust: str = pydantic.Field(
        "trust", description="folder with the approval policy and the keys, beside the checklist"
    )


class LintWaiver(Settings):
    """A finding of the linter that is accepted for a time. The checklist is signed, and its waivers with it."""

    reason: Annotated[str, StringConstraints(min_length=10, max_length=400)] = pydantic.Field(
        description="why it is accepted"
    )
    until: date = pydantic.Field(description="the last day on which it is accepted")


class Lint(Settings):
    """What `migrate lint` finds, and what of it is accepted."""

    large_rows: int = pydantic.Field(100_000, ge=1, description="a table with so many rows is large")
    large_bytes: int = pydantic.Field(100 * 1024 * 1024, ge=1, description="a table with so many bytes is large")
    excluded_rules: tuple[str, ...] = pydantic.Field((), description="rules of squawk that are not asked")
    waived: dict[str, LintWaiver] = pydantic.Field(
        default_factory=dict, description="accepted findings by the key that `migrate lint` shows"
    )


class Migrations(Settings):
    """Where the migration files are and how they are applied."""

    directory: str = pydantic.Field("supabase/migrations", description="folder of the migration files")
    reverse_directory: str = pydantic.Field("supabase/reverse", description="folder of the files that undo them")
    history: str = pydantic.Field("supabase", description="who writes down what is applied; see docs/migrations.md")
    engine: Literal["native", "supabase"] = pydantic.Field(
        "native", description="who applies them: pointsctl itself, or the Supabase CLI"
    )
    window: Duration = pydantic.Field(timedelta(minutes=30), description="how long the migration is expected to take")
    lock_timeout: Duration = pydantic.Field(timedelta(seconds=2), description="how long a statement waits for a lock")
    statement_timeout: Duration = pydantic.Field(timedelta(minutes=10), description="how long a statement may take")
    idle_timeout: Duration = pydantic.Field(
        timedelta(minutes=1), description="how long a transaction may stay open without a statement"
    )
    tries: int = pydantic.Field(8, ge=1, le=100, description="how often a file is tried that meets a locked table")
    old_transaction: Duration = pydantic.Field(
        timedelta(minutes=5), description="no migration begins while a transaction is open for longer"
    )
    rehearsal_fresh_for: Duration = pydantic.Field(timedelta(hours=24), description="how old a rehearsal may be")
    lint: Lint = pydantic.Field(default_factory=Lint, description="what `migrate lint` looks for")


class FunctionCommands(Settings):
    """With `platform: command`: the programs that speak to the platform, each with its arguments.

    `{function}`, `{folder}` and `{project}` are replaced in every argument; below the folder, files are where they are beside
    the checklist (`supabase/functions/...`).
    """

    deploy: tuple[str, ...] = pydantic.Field((), description="deploys one function from its folder")
    list: tuple[str, ...] = pydantic.Field((), description='prints JSON: [{"name", "version", "status", "sha256"}]')
    delete: tuple[str, ...] = pydantic.Field((), description="deletes one function")
    save: tuple[str, ...] = pydantic.Field((), description="writes the files that are deployed now into {folder}")
    logs: tuple[str, ...] = pydantic.Field((), description='prints JSON Lines: {"at", "function", "level", "message"}')
    pass_variables: tuple[str, ...] = pydantic.Field((), description="variables of the process that they see")


class Functions(Settings):
    """The edge functions and the platform that runs them."""

    platform: str = pydantic.Field("supabase", description="where the functions run")
    project: str = pydantic.Field(
        "", description="the platform's name for the project of the protected environment, or of the only one"
    )
    names: tuple[Name, ...] = pydantic.Field((), description="every function that is deployed")
    watch_logs_for: Duration = pydantic.Field(
        timedelta(minutes=15), description="how long the logs are watched after a deployment"
    )
    logs: bool = pydantic.Field(False, description="whether the platform's logs are read; needs its token")
    profile: str = pydantic.Field(
        "", description="with `platform: supabase`: a profile file of the Supabase CLI, for another address of its API"
    )
    timeout: Duration = pydantic.Field(timedelta(minutes=5), description="how long one call of the platform may take")
    slowest: Duration = pydantic.Field(
        timedelta(seconds=2), description="a function that answers later fails its probe"
    )
    health: str = pydantic.Field("", description="path below each function's address that answers 200, such as /health")
    compare: bool = pydantic.Field(
        True, description="whether what is deployed is fetched again and compared with what was sent"
    )
    commands: FunctionCommands = pydantic.Field(
        default_factory=FunctionCommands, description="with `platform: command`"
    )


class DeploymentSettings(Settings):
    """What the deployment procedure asks for beyond the gate."""

    announced_by: tuple[str, ...] = pydantic.Field(
        (), description="ids of items that say that everybody knows; they must be satisfied before anything is changed"
    )
    window: str = pydantic.Field(
        "", description="id of the item whose fields `start` and `rollback-deadline` are the window"
    )


class Stage(Settings):
    """One step of the rollout: a share of users, held for a time."""

    percent: float = pydantic.Field(gt=0, le=100, description="share of the users for whom the flag is on")
    hold: Duration | None = pydantic.Field(None, description="how long to stay before the next stage")


class Rollout(Settings):
    """The canary and the stages after it."""

    flag: str = pydantic.Field("", description="name of the feature flag")
    stages: tuple[Stage, ...] = pydantic.Field((), description="from the canary to everybody")


class Metric(Settings):
    """A number that stages and triggers compare with a limit."""

    title: str = pydantic.Field(description="what is measured")
    unit: str = pydantic.Field("", description="unit of the number, such as `%` or `s`")
    source: str = pydantic.Field("sql", description="where the number comes from")


class Trigger(Settings):
    """When to roll back: a metric above its limit, or a person who declares it."""

    title: str = pydantic.Field(description="what has happened when it fires")
    metric: Name | None = pydantic.Field(None, description="name of the metric that is compared")
    above: float | None = pydantic.Field(None, description="fires when the metric is above this, in the metric's unit")
    declared: bool = pydantic.Field(False, description="a person decides; no number can")

    @pydantic.model_validator(mode="after")
    def _measured_or_declared(self) -> Trigger:
        if self.declared == (self.metric is not None) or (self.metric is None) != (self.above is None):
            raise ValueError("expected either `metric` with `above`, or `declared: true`")
        return self
