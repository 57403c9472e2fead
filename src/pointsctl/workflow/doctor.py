"""Use case: say what is on this machine and what can be reached from it, each with its fix, before anything depends on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pointsctl.errors import ChecklistError, PointsctlError
from pointsctl.model.configuration import Environment
from pointsctl.model.redaction import secret_values
from pointsctl.model.redactor import Redactor
from pointsctl.postgres.client_tools import ClientTool, find_client_tools
from pointsctl.postgres.connection import password_of
from pointsctl.postgres.dump_tools import installed_tools
from pointsctl.workflow.doctor_environments import (
    Target,
    distinct_check,
    environment_checks,
    look_at,
    unset_check,
)
from pointsctl.workflow.doctor_machine import Machine, client_checks, extra_checks, tool_checks
from pointsctl.workflow.doctor_result import DoctorCheck, Examination, Status
from pointsctl.workflow.doctor_stores import store_checks, stores_of
from pointsctl.workflow.load_checklist import Loaded


@dataclass(frozen=True)
class Patient:
    """What is examined: the checklist (or why there is none), one environment or all, and the running sandbox's."""

    checklist: Loaded | PointsctlError
    only: str | None = None
    built_in: Mapping[str, Environment] = field(default_factory=dict)


def examine(patient: Patient, machine: Machine) -> Examination:
    """Look at everything. Raises UsageError when the one environment asked for is not declared."""
    tools = find_client_tools(machine.search_path, machine.ask)
    targets, unusable = _targets(patient)
    checks = [
        *client_checks(tools),
        *tool_checks(machine),
        *extra_checks(),
        _checklist_check(patient.checklist),
        *unusable,
        *_environments(targets, installed_tools(machine.search_path), machine),
    ]
    loaded = patient.checklist
    if isinstance(loaded, Loaded):
        settings = loaded.checklist.backup
        checks += store_checks(stores_of(settings, targets), settings.retention, machine.monotonic)
    if not targets and isinstance(loaded, Loaded):
        fix = "declare one under `environments`, set its variables, or start the sandbox with `pointsctl sandbox up`"
        checks.append(DoctorCheck("environments", Status.ERROR, "no environment can be looked at", fix))
    return Examination(tuple(_redacted(checks, targets, machine)), isinstance(loaded, Loaded))


def _targets(patient: Patient) -> tuple[list[Target], list[DoctorCheck]]:
    """The environments to connect to, and those whose variables are not set."""
    only, loaded = patient.only, patient.checklist
    if only is not None and only in patient.built_in:
        return [Target(only, patient.built_in[only], built_in=True)], []
    targets, unusable = _declared(loaded, only) if isinstance(loaded, Loaded) else ([], [])
    if only is None:
        declared = loaded.checklist.environments if isinstance(loaded, Loaded) else {}
        targets += [Target(name, one, built_in=True) for name, one in patient.built_in.items() if name not in declared]
    return targets, unusable


def _declared(loaded: Loaded, only: str | None) -> tuple[list[Target], list[DoctorCheck]]:
    targets: list[Target] = []
    unusable: list[DoctorCheck] = []
    for name in [only] if only is not None else loaded.checklist.environments:
        try:
            targets.append(Target(name, loaded.environment(name)))
        except ChecklistError as error:
            unusable.append(unset_check(name, error.problems, asked_for=only is not None))
    return targets, unusable


def _environments(targets: Sequence[Target], tools: Sequence[ClientTool], machine: Machine) -> Iterator[DoctorCheck]:
    looks = look_at(targets, machine.monotonic)
    for target in targets:
        yield from environment_checks(target, looks[target.name], tools)
    distinct = distinct_check(targets, looks)
    if distinct is not None:
        yield distinct


def _checklist_check(checklist: Loaded | PointsctlError) -> DoctorCheck:
    if isinstance(checklist, Loaded):
        count = sum(1 for _ in checklist.checklist.walk())
        return DoctorCheck("checklist", Status.OK, f"{checklist.path}, {count} items")
    problems = checklist.problems if isinstance(checklist, ChecklistError) else ()
    return DoctorCheck("checklist", Status.FAILED, "\n".join((checklist.message, *problems)), checklist.hint)


def _redacted(checks: Sequence[DoctorCheck], targets: Sequence[Target], machine: Machine) -> Iterator[DoctorCheck]:
    secrets = set(secret_values(machine.variables))
    for target in targets:
        secrets |= secret_values(target.environment.variables)
        secrets |= _passwords(target.environment.database_url)
    redactor = Redactor(frozenset(secrets))
    for check in checks:
        yield replace(check, found=redactor.text(check.found), fix=redactor.text(check.fix))


def _passwords(url: str) -> set[str]:
    try:
        return {password_of(url)} - {""}
    except PointsctlError:
        return set()
