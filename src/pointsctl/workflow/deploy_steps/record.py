"""The step `record`: the ledger holds the audit record of every migration of this deployment, exactly once."""

from __future__ import annotations

from pointsctl.errors import RefusedError
from pointsctl.ledger.reading import read_history
from pointsctl.model.backup_history import proven
from pointsctl.model.cancellation import Cancellation
from pointsctl.model.history import History
from pointsctl.model.ledger import Draft, Kind
from pointsctl.model.migration_records import AppliedData
from pointsctl.model.plan import Migration
from pointsctl.model.procedure import RecordedProcedure, Seen, StepDefinition
from pointsctl.model.progress import Progress
from pointsctl.workflow.deploy_steps.context import MOMENT, Context
from pointsctl.workflow.open_ledger import open_ledger
from pointsctl.workflow.procedure import Step

BY_HAND = "other"
"""The engine of a migration that somebody else applied while this deployment went on."""


class Record(Step):
    """The engines write the record with the migration. One that another tool applied in between gets its record here."""

    definition = StepDefinition("record", "The audit records are written", MOMENT, "records are never removed")

    def __init__(self, context: Context) -> None:
        self._context = context

    def observe(self, cancellation: Cancellation) -> Seen:
        """Count them. Raises RefusedError where a migration has two."""
        del cancellation
        return self._seen(self._context.history())

    def _seen(self, history: History) -> Seen:
        recorded = self._context.recorded()
        seqs = {one: recorded_since(history, one, recorded) for one in map(_version, recorded.pending)}
        twice = [version for version, found in seqs.items() if len(found) > 1]
        if twice:
            message = (
                f"migration {twice[0]} has {len(seqs[twice[0]])} audit records ({_listed(seqs[twice[0]])}), expected 1"
            )
            raise RefusedError(
                message, hint="see them with `pointsctl ledger show`: it was applied twice, or somebody wrote one"
            )
        missing = [version for version, found in seqs.items() if not found]
        if missing:
            return Seen(done=False, summary=f"without an audit record: {', '.join(missing)}")
        told = f"{len(seqs)} migrations have their audit record" if seqs else "nothing was to be migrated"
        return Seen(done=True, summary=told, evidence={"records": {key: found[0] for key, found in seqs.items()}})

    def perform(self, cancellation: Cancellation, progress: Progress) -> None:
        """Append those that are missing; what is still to be applied gets none."""
        del cancellation, progress
        request, recorded = self._context.request, self._context.recorded()
        found = self._context.content()
        # Which bytes were applied is known from the files: the step before has compared them with the history.
        files = {_version(one): one for one in found.values.migrations if one.name not in found.pending}
        with open_ledger(request.name, request.environment) as ledger, ledger.transaction("recording the migrations"):
            history = read_history(ledger, request.variables)
            for version in map(_version, recorded.pending):
                if version not in files:
                    hint = "somebody has taken it back: see `pointsctl migrate status`"
                    raise RefusedError(f"migration {version} is not applied", hint=hint)
                if not recorded_since(history, version, recorded):
                    ledger.append(self._draft(files[version], history))

    def _draft(self, migration: Migration, history: History) -> Draft:
        request, recorded = self._context.request, self._context.recorded()
        backup = proven(history.backups)
        digest = backup.digest if backup is not None and backup.verification else None
        data = AppliedData(
            version=_version(migration),
            file=migration.name,
            sha256=migration.sha256,
            engine=BY_HAND,
            statements=0,
            duration_ms=0,
            tries=0,
            backup=digest,
            procedure=recorded.run,
            tool=request.tool,
        )
        return Draft(
            Kind.MIGRATION_APPLIED,
            request.name,
            request.operator,
            data.model_dump(mode="json"),
            plan=recorded.plan,
            run=recorded.run,
            migration_name=migration.name.removesuffix(".sql"),
            backup_taken=digest is not None,
            notes="applied by another tool during the deployment",
        )


def _version(migration: Migration) -> str:
    return migration.name.partition("_")[0]


def recorded_since(history: History, version: str, recorded: RecordedProcedure) -> list[int]:
    """The records of the version since the procedure began, by their places: before, it may have been applied and undone."""
    return [
        one.record.seq for one in history.migrations if one.record.seq > recorded.seq and one.data.version == version
    ]


def _listed(seqs: list[int]) -> str:
    return ", ".join(map(str, seqs))
