"""What a ledger puts into an evidence bundle, as values, and the index that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pointsctl.model.bundle import CHECKLIST, MIGRATIONS, SCHEMA
from pointsctl.model.canonical import canonical_text, utc_text
from pointsctl.model.ledger import Head
from pointsctl.model.pin import Pin
from pointsctl.model.plan import Migration, Plan


@dataclass(frozen=True)
class PolicyFile:
    """A policy that was in force from record `since` on. `root`: it was pinned, not signed for under the one before it."""

    digest: str
    since: int
    root: bool


@dataclass(frozen=True)
class StatementFile:
    """A signature that counted when it was recorded, made under the policy with the digest `policy`.

    `revoked_keys` says whether that policy revokes keys; `plan`, `role` and `decision` are None for statements without.
    """

    seq: int
    kind: str
    principal: str
    fingerprint: str
    recorded_at: datetime
    policy: str
    revoked_keys: bool
    plan: str | None = None
    role: str | None = None
    decision: str | None = None


@dataclass(frozen=True)
class PlanFile:
    """A plan as it stands in record `seq`."""

    seq: int
    plan: Plan


@dataclass(frozen=True)
class RunFile:
    """A run as it stands in record `seq`; `junit` says whether it could be written as JUnit XML too."""

    seq: int
    run_id: str
    phase: str
    verdict: str
    checklist: str
    junit: bool


@dataclass(frozen=True)
class Contents:
    """Everything that a ledger puts into a bundle. `selected` is the digest of the only plan that was wanted, if any;
    what is before record `adopted_at` happened in another database, of which this one is a copy.
    """

    head: Head
    records: int
    pin: Pin | None
    adopted_at: int
    selected: str | None
    policies: tuple[PolicyFile, ...]
    statements: tuple[StatementFile, ...]
    plans: tuple[PlanFile, ...]
    runs: tuple[RunFile, ...]

    @property
    def root(self) -> str | None:
        """The digest of the policy from which the one in force descends by signatures; None when none is in force."""
        return next((one.digest for one in reversed(self.policies) if one.root and one.since > self.adopted_at), None)

    @property
    def environment(self) -> str | None:
        """The environment that is pinned."""
        return self.pin.name if self.pin else None

    def vouched(self) -> Mapping[str, frozenset[str]]:
        """The files of the project that belong into the bundle, each with the digests that plans and runs say it has."""
        said = [(CHECKLIST, one.checklist) for one in self.runs]
        for file in self.plans:
            said.append((CHECKLIST, file.plan.content.checklist))
            said += [pair for migration in file.plan.content.migrations for pair in files_of(migration)]
        found: dict[str, frozenset[str]] = {}
        for name, digest in said:
            found[name] = found.get(name, frozenset()) | {digest}
        return found

    def head_text(self) -> str:
        """The content of head.json."""
        return canonical_text(self._place())

    def index_text(self, files: Mapping[str, str], tool: str) -> str:
        """The content of evidence.json. `files` are the project's files in the bundle with their digests, `tool` the version
        of pointsctl that made the bundle. Nothing in it differs between two bundles of the same content.
        """
        missing = sorted(name for name in self.vouched() if name not in files)
        documents = {
            "policies": [{"digest": one.digest, "since": one.since, "root": one.root} for one in self.policies],
            "plans": [_plan(one) for one in self.plans],
            "statements": [_statement(one) for one in self.statements],
            "runs": [_run(one) for one in self.runs],
            "files": [_file(name, files[name], self.plans) for name in sorted(files)],
            "missing": missing,
        }
        head = {**self._place(), "schema": SCHEMA, "tool": tool, "plan": self.selected, "records": self.records}
        return canonical_text({**head, **documents, "adopted_at": self.adopted_at})

    def _place(self) -> dict[str, Any]:
        database = self.pin.database.model_dump(mode="json") if self.pin else None
        return {"seq": self.head.seq, "hash": self.head.hash, "environment": self.environment, "database": database}


def files_of(migration: Migration) -> Iterable[tuple[str, str]]:
    """Where the files of a planned migration are in a bundle, with their digests."""
    places = (("", migration.sha256), ("reverse/", migration.reverse), ("verify/", migration.verify))
    return [(f"{MIGRATIONS}{folder}{migration.name}", digest) for folder, digest in places if digest is not None]


def _plan(file: PlanFile) -> dict[str, Any]:
    plan = file.plan
    return {"seq": file.seq, "digest": plan.digest, "operator": plan.content.operator, "commit": plan.origin.commit}


def _statement(file: StatementFile) -> dict[str, Any]:
    document = {
        "seq": file.seq,
        "kind": file.kind,
        "principal": file.principal,
        "fingerprint": file.fingerprint,
        "recorded_at": utc_text(file.recorded_at),
        "policy": file.policy,
    }
    about = {"plan": file.plan, "role": file.role, "decision": file.decision}
    return document | {name: value for name, value in about.items() if value is not None}


def _run(file: RunFile) -> dict[str, Any]:
    document = {"seq": file.seq, "run_id": file.run_id, "phase": file.phase, "verdict": file.verdict}
    return {**document, "checklist_sha256": file.checklist, "junit": file.junit}


def _file(name: str, digest: str, plans: Iterable[PlanFile]) -> dict[str, Any]:
    named = [one.plan for one in plans if (name, digest) in _names(one.plan)]
    return {"name": name, "sha256": digest, "plans": sorted({plan.digest for plan in named})}


def _names(plan: Plan) -> set[tuple[str, str]]:
    migrations = {pair for migration in plan.content.migrations for pair in files_of(migration)}
    return {(CHECKLIST, plan.content.checklist), *migrations}
