"""Kind `backup`: what the ledger records of the newest backup, and what its store shows of it now."""

from __future__ import annotations

from typing import ClassVar, Literal

import pydantic

from pointsctl.checks.interface import Check, World
from pointsctl.errors import CouldNotLookError, UsageError
from pointsctl.model.backup_findings import InQuestion, kept, size_plausible, stored, taken, too_old
from pointsctl.model.backup_history import before, in_question
from pointsctl.model.drill_findings import restored, same_content
from pointsctl.model.duration import Duration
from pointsctl.model.finding import Observation
from pointsctl.model.history import History
from pointsctl.model.time_limit import stop_if_over
from pointsctl.postgres.database_size import database_size

_HOW = {
    "taken": "taken, fresh, and whole in the store",
    "stored": "in a store away from the database",
    "size": "size against the one before and the database",
    "restored": "restored, with the measured time",
    "content": "rows and objects of the restored copy",
    "retention": "backup.retention and the store's rules",
}
_FROM_THE_LEDGER = ("restored", "content")
_ONLY_FOR = {"folder_is_away": "stored", "audits": "content", "indexes": "content"}


class Backup(Check):
    """The backup of the deployment's target, as one thing that `proves` names.

    All items are about one backup: the newest that a restore has proven (or refuted), while it is fresh; else the newest that
    was taken. Only the ledger's word counts, for the very manifest that it recorded. What an environment declares to do
    `without` is skipped.
    """

    needs_environment: ClassVar[bool] = False

    proves: Literal["taken", "stored", "size", "restored", "content", "retention"] = pydantic.Field(
        description="taken: fresh, and whole in the store; stored: away from the database, private, not expiring; size: not "
        "less than half of the one before, and of a database about as large as now; restored: a restore drill had every "
        "table; content: it had every row, object and sequence, and the audits pass on the copy; retention: the policy, and "
        "the store's rules"
    )
    fresh_for: Duration | None = pydantic.Field(
        None, description="how old the backup may be; left out, `backup.fresh_for` of the checklist"
    )
    folder_is_away: bool = pydantic.Field(
        False, description="with `proves: stored`: a file:// store is on another machine, which nobody can look up"
    )
    audits: Literal["must-pass", "may-fail"] = pydantic.Field(
        "must-pass", description="with `proves: content`: whether every audit must pass on the restored copy"
    )
    indexes: Literal["must-be-checked", "may-be-unchecked"] = pydantic.Field(
        "must-be-checked",
        description="with `proves: content`: whether pg_amcheck must have compared the copy's indexes with its tables",
    )

    @pydantic.model_validator(mode="after")
    def _nothing_without_effect(self) -> Backup:
        for name, proves in _ONLY_FOR.items():
            if name in self.model_fields_set and self.proves != proves:
                raise ValueError(f"expected `{name}` only with `proves: {proves}`")
        if self.fresh_for is not None and self.proves == "retention":
            raise ValueError("expected no `fresh_for` with `proves: retention`")
        return self

    def how(self) -> str:
        """What is proven."""
        return _HOW[self.proves]

    def from_the_ledger(self, world: World) -> Observation | None:
        """A restore as the ledger has it now: it may have been refuted since. The rest is remembered, of this very backup."""
        if "backup" in world.without or self.proves in _FROM_THE_LEDGER:
            return self.look(world)
        asked = self._asked(world) if self.proves != "retention" else None
        if isinstance(asked, InQuestion):
            aged = too_old(asked) if self.proves == "taken" else None
            return aged or _of_another(world, asked)
        return asked

    def look(self, world: World) -> Observation:
        """Ask the ledger, then the store, then the database: only what the item needs."""
        stop_if_over(world.cancellation, "looking at the backups")
        if "backup" in world.without:
            reason = f"{world.target or world.environment} does without backup"
            return Observation.skipped(reason, evidence={"without": ["backup"]})
        if world.target and world.environment != world.target:
            message = f"the item looks at {world.environment!r}; backups are of {world.target!r}, which is deployed to"
            raise UsageError(message, hint="take `at` away from the item")
        if self.proves == "retention":
            return kept(world.backups.retention, world.backups.stored(None))
        asked = self._asked(world)
        return asked if isinstance(asked, Observation) else self._proven(world, asked)

    def _asked(self, world: World) -> InQuestion | Observation:
        """The backup in question, or what stands in the place of an answer while there is none."""
        target, history = world.target or world.environment, world.history()
        expected = f"a backup: {self.how()}"
        if history is None:
            hint = f"pointsctl init --env {target}; then pointsctl backup create --env {target}"
            return Observation.pending(
                "waits for a ledger, in which backups are recorded", expected=expected, hint=hint
            )
        if history.now is None:
            raise CouldNotLookError("the database's clock is not known", hint="run the command again")
        fresh_for = self.fresh_for or world.backups.fresh_for
        backup = in_question(history.backups, history.now, fresh_for)
        if backup is None:
            last = history.backups[-1].in_a_sentence if history.backups else "no backup is recorded"
            hint = f"pointsctl backup create --env {target}"
            return Observation.pending(f"{last}; waits for one", expected=expected, hint=hint)
        return InQuestion(backup, history.now, fresh_for, target)

    def _proven(self, world: World, asked: InQuestion) -> Observation:
        backups, backup = world.backups, asked.backup
        if self.proves == "taken":
            return taken(asked, backups.stored(backup))
        if self.proves == "stored":
            seen = backups.stored(backup)
            return stored(asked, seen, protected=backups.protected, folder_is_away=self.folder_is_away)
        if self.proves == "size":
            with world.database().reader(world.cancellation) as connection:
                live_size = database_size(connection)
            return size_plausible(asked, before(_history(world).backups, backup.taken_at), live_size)
        if self.proves == "restored":
            return restored(asked)
        return same_content(
            asked,
            audits_must_pass=self.audits == "must-pass",
            indexes_must_be_checked=self.indexes == "must-be-checked",
        )


def _history(world: World) -> History:
    return world.history() or History()


def _of_another(world: World, asked: InQuestion) -> Observation | None:
    """An error when what is remembered of the item was seen of another backup than the one in question now."""
    seen = _history(world).findings.get(world.item.id)
    evidence = seen.document.get("evidence") if seen else None
    manifest = evidence.get("manifest") if isinstance(evidence, dict) else None
    if seen is None or manifest == asked.backup.digest:
        return None
    command = f"pointsctl check run {world.item.id} --env {asked.target}"
    was = f"backup {evidence.get('backup')}" if isinstance(evidence, dict) and "backup" in evidence else "no backup"
    return Observation.error(
        f"record {seen.seq} saw {was}, in question is {asked.backup.id}",
        hint=f"look at it, and record it: {command}",
        evidence={**asked.evidence(), "who": f"whoever may look at {asked.target}", "command": command},
    )
