"""The checklist as values: phases hold sections, sections hold items, items may hold sub-items and fields to fill in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import pydantic
from pydantic import ConfigDict, StringConstraints

from pointsctl.model.configuration import (
    Approvals,
    Backup,
    DeploymentSettings,
    Environment,
    Functions,
    Metric,
    Migrations,
    Rollout,
    Trigger,
)
from pointsctl.model.duration import Duration
from pointsctl.model.finding import Severity

VERSION = 1
"""The newest checklist format that this program reads."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
ItemId = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+$", max_length=120)
]
Title = Annotated[str, StringConstraints(min_length=3, max_length=160, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Strict(pydantic.BaseModel):
    """Base of every value of the checklist: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class FieldType(StrEnum):
    """What may stand on a blank line of the paper checklist."""

    TEXT = "text"
    PERSON = "person"
    PEOPLE = "people"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    DURATION = "duration"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    PATH = "path"
    NUMBER = "number"
    PERCENT = "percent"
    SIGNATURE = "signature"
    ACKNOWLEDGEMENT = "acknowledgement"


class Field(Strict):
    """A typed blank that a person fills in (a name, a date, a contact, a link)."""

    name: Slug = pydantic.Field(description="unique within its item or section")
    type: FieldType
    title: Title
    required: bool = pydantic.Field(True, description="whether it must be filled in")
    unit: str = pydantic.Field("", description="unit of a number")
    value: str | None = pydantic.Field(None, description="filled in already, for instance a link that never changes")


def _names_once(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    names = [field.name for field in fields]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"expected each field name once; {doubled[0]!r} is used again")
    return fields


Fields = Annotated[tuple[Field, ...], pydantic.AfterValidator(_names_once)]


class Item(Strict):
    """One box of the checklist. `with` holds the parameters of its kind."""

    id: ItemId
    title: Title
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
    parameters: dict[str, Any] = pydantic.Field(
        default_factory=dict, alias="with", description="the parameters of the kind; see docs/kinds.md"
    )
    severity: Severity = Severity.MAJOR
    why: str = pydantic.Field("", max_length=600, description="what goes wrong without it, in a sentence")
    environments: tuple[Slug, ...] = pydantic.Field((), description="where it applies; empty means everywhere")
    at: Slug | None = pydantic.Field(None, description="look at this environment instead of the deployment's target")
    needs: tuple[ItemId, ...] = pydantic.Field(
        (), description="items that must be satisfied before this one is looked at"
    )
    valid_for: Duration | None = pydantic.Field(None, description="how long its evidence stays fresh")
    timeout: Duration = pydantic.Field(timedelta(seconds=60), description="how long one look may take")
    waivable: bool = pydantic.Field(True, description="whether somebody may sign for going on without it")
    fields: Fields = pydantic.Field((), description="blanks that a person fills in")
    items: tuple[Item, ...] = pydantic.Field((), description="sub-items, each a box of its own")

    def walk(self) -> Iterator[Item]:
        """This item, then every item below it, in the order of the file."""
        yield self
        for child in self.items:
            yield from child.walk()


class Section(Strict):
    """A titled group of items. `source` names the heading of the paper checklist that it stands for.

    `gates` are items, kept elsewhere, that a run of this section must also satisfy.
    """

    id: Slug
    title: Title
    source: str = pydantic.Field("", description="heading of the paper checklist")
    gates: tuple[ItemId, ...] = pydantic.Field((), description="items elsewhere that must be satisfied too")
    fields: Fields = pydantic.Field((), description="blanks that belong to the section as a whole")
    items: tuple[Item, ...] = ()

    def walk(self) -> Iterator[Item]:
        """Every item of the section in the order of the file, each before its sub-items."""
        for item in self.items:
            yield from item.walk()


class Phase(Strict):
    """A stage of the deployment. `gates` are items, kept elsewhere, that a run of this phase must also satisfy."""

    id: Slug
    title: Title
    gates: tuple[ItemId, ...] = pydantic.Field((), description="items elsewhere that must be satisfied too")
    sections: tuple[Section, ...]

    def walk(self) -> Iterator[Item]:
        """Every item of the phase in the order of the file."""
        for section in self.sections:
            yield from section.walk()


class Checklist(Strict):
    """The whole file, checked and frozen."""

    version: int = pydantic.Field(description=f"format of this file; this program reads {VERSION}")
    title: Title
    revision: str = pydantic.Field("", description="which issue of the text this is, as people name it")
    environments: dict[Slug, Environment] = pydantic.Field(default_factory=dict)
    backup: Backup = Backup()
    approvals: Approvals = Approvals()
    migrations: Migrations = Migrations()
    functions: Functions = Functions()
    deployment: DeploymentSettings = DeploymentSettings()
    rollout: Rollout = Rollout()
    metrics: dict[Slug, Metric] = pydantic.Field(default_factory=dict)
    triggers: dict[Slug, Trigger] = pydantic.Field(default_factory=dict)
    phases: tuple[Phase, ...]

    def walk(self) -> Iterator[Item]:
        """Every item of the checklist in the order of the file."""
        for phase in self.phases:
            yield from phase.walk()

    def find(self, item_id: str) -> Item | None:
        """The item with exactly this id."""
        return next((item for item in self.walk() if item.id == item_id), None)

    def store_of(self, environment: Environment) -> str:
        """The address of the store of an environment's backups and anchors."""
        return environment.store or self.backup.store

    def section_of(self, item_id: str) -> Section | None:
        """The section that holds the item."""
        for phase in self.phases:
            for section in phase.sections:
                if any(item.id == item_id for item in section.walk()):
                    return section
        return None
