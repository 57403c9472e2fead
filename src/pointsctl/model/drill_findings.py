"""What a checklist's items say of a restore drill: every table is back, and the content is the source's."""

from __future__ import annotations

from pointsctl.model.ages import about_seconds
from pointsctl.model.backup_findings import InQuestion, too_old
from pointsctl.model.backup_history import BackupState
from pointsctl.model.backup_records import RefutedBackup, VerifiedBackup
from pointsctl.model.canonical import utc_text
from pointsctl.model.escape import plain
from pointsctl.model.finding import JsonValue, Observation, Outcome

_FAITHFUL = (Outcome.PASS, Outcome.SKIP)


def restored(asked: InQuestion) -> Observation:
    """The backup was restored, and every table was there; the newest drill decides."""
    found = _drilled(asked, "restored, with every table")
    if isinstance(found, Observation):
        return found
    proof, into = found.proof, _into(found)
    return Observation.passed(
        f"backup {asked.backup.id} was restored into {into} in {about_seconds(found.restore_ms)}, with all {proof.tables:,} tables",
        observed=f"{proof.tables:,} tables and {proof.objects:,} objects in {about_seconds(found.restore_ms)}",
        expected="restored, with every table",
        evidence={
            **_drill_evidence(asked),
            "restore_ms": found.restore_ms,
            "tables": proof.tables,
            "objects": proof.objects,
            "restored_into": found.restored_into,
            "server_version": found.server_version,
        },
    )


def same_content(asked: InQuestion, *, audits_must_pass: bool, indexes_must_be_checked: bool) -> Observation:
    """The restored rows are the rows that were backed up, by number and digest; what the audits say of the copy counts too."""
    expected = "every row, object and sequence as in the source"
    found = _drilled(asked, expected)
    if isinstance(found, Observation):
        return found
    proof = found.proof
    observed = f"{proof.rows:,} rows in {proof.tables:,} tables, {proof.objects:,} objects"
    checked = f"{proof.indexes_checked:,} indexes" if proof.indexes_checked is not None else "NO index"
    evidence = {**_drill_evidence(asked), "proof": proof.model_dump(mode="json"), "audits": _audits(found)}
    problem = _short_of(asked, found, audits_must_pass, indexes_must_be_checked)
    if problem is not None:
        text, hint = problem
        return Observation.failed(text, observed=text, expected=expected, hint=hint, evidence=evidence)
    return Observation.passed(
        f"the copy is the source: {observed}; {checked} checked, {len(found.audits)} audits run{_left_out(found)}",
        observed=observed,
        expected=expected,
        evidence=evidence,
    )


def _short_of(asked: InQuestion, found: VerifiedBackup, audits: bool, indexes: bool) -> tuple[str, str] | None:
    """What a faithful copy still lacks, and what to do about it."""
    bad = [audit.id for audit in found.audits if audit.outcome not in _FAITHFUL]
    if audits and not found.audits_pass:
        named = plain(", ".join(bad[:3]), 200) if bad else "none was run"
        return (
            f"audits do not pass on the restored copy: {named}",
            "mend it in the source, then take and verify a new backup",
        )
    if indexes and found.proof.indexes_checked is None:
        text = f"no program compared the indexes of the copy with its tables (backup {asked.backup.id})"
        return text, f"install pg_amcheck and the extension amcheck where it is restored, then {asked.verify()}"
    return None


def _drilled(asked: InQuestion, expected: str) -> VerifiedBackup | Observation:
    """What the newest drill proved; else what stands in its place."""
    stale, backup = too_old(asked), asked.backup
    if stale is not None:
        return stale
    refutation = backup.refutation
    if backup.state is BackupState.REFUTED and refutation is not None:
        return Observation.failed(
            backup.in_a_sentence,
            observed="refuted",
            expected=expected,
            hint=f"take a new one: {asked.create()}; then pointsctl backup verify --env {asked.target}",
            evidence={
                **asked.evidence(),
                "drill": backup.drills[-1].record.seq,
                "differences": _differences(refutation),
            },
        )
    if backup.verification is None:
        return Observation.pending(
            f"{backup.in_a_sentence} by a restore", expected=expected, hint=asked.verify(), evidence=asked.evidence()
        )
    return (
        backup.verification
        if backup.verification.proof.tables
        else _without_tables(asked, backup.verification, expected)
    )


def _without_tables(asked: InQuestion, found: VerifiedBackup, expected: str) -> Observation:
    """What was taken of the wrong database, or leaves everything out, may be restored and is worth nothing."""
    return Observation.failed(
        f"backup {asked.backup.id} holds no table{_left_out(found)}",
        observed="0 tables",
        expected=expected,
        hint=f"see `backup.leave_out` and the environment's database_url, then {asked.create()}",
        evidence=_drill_evidence(asked),
    )


def _left_out(found: VerifiedBackup) -> str:
    names = found.proof.left_out
    return f"; left out on purpose: {plain(', '.join(names), 200)}" if names else ""


def _differences(refutation: RefutedBackup) -> JsonValue:
    proof = refutation.proof
    return [one.model_dump(mode="json") for one in proof.differences[:20]] if proof else []


def _drill_evidence(asked: InQuestion) -> dict[str, JsonValue]:
    record = asked.backup.drills[-1].record
    return {**asked.evidence(), "drill": record.seq, "verified_at": utc_text(record.recorded_at)}


def _audits(found: VerifiedBackup) -> JsonValue:
    return [audit.model_dump(mode="json") for audit in found.audits]


def _into(found: VerifiedBackup) -> str:
    return "a private server" if found.restored_into == "ephemeral" else plain(found.restored_into, 60)
