"""The commands that the documentation shows, in the order in which they are run, and which lines of them each screen shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from screens.preparations import (
    change_migration,
    flip_a_byte,
    make_people,
    rewrite_ledger,
    rewrite_migration,
    write_project,
)


class StoryError(Exception):
    """A command ended otherwise than the story says, a pattern matches no line, or a page asks for what does not exist."""


@dataclass(frozen=True)
class Run:
    """A command line as people type it (`pointsctl ...` or `curl ...`), and the exit code that the story expects.

    `exit_code` is None where it depends on the machine. `variables` are set for this command only and are not shown.
    `before` is done in the folder first. With `messages`, what goes to stderr is shown too. With `wide`, lines are as long as they
    want to be, and are folded when the times in them are fixed ones.
    """

    line: str
    exit_code: int | None = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Callable[[Path], object], ...] = ()
    messages: bool = False
    wide: bool = False


@dataclass(frozen=True)
class Screen:
    """Runs one after the other, and the parts of their output between two patterns, both lines included; none means all."""

    runs: tuple[Run, ...]
    parts: tuple[tuple[str, str], ...] = ()


def _one(line: str, exit_code: int | None = 0, *parts: tuple[str, str]) -> Screen:
    return Screen((Run(line, exit_code),), parts)


def _own(line: str, exit_code: int, *parts: tuple[str, str]) -> Screen:
    # The starter's own store is a folder that some machines have.
    variables = {"PRODUCTION_DATABASE_URL": "$OWN_DATABASE_URL", "BACKUP_STORE": "file:///nonexistent/backups"}
    return Screen((Run(line, exit_code, variables),), parts)


def _after(before: Callable[[Path], object], line: str, exit_code: int, *parts: tuple[str, str]) -> Screen:
    return Screen((Run(line, exit_code, before=(before,)),), parts)


def _signed(line: str, *parts: tuple[str, str], before: tuple[Callable[[Path], object], ...] = ()) -> Screen:
    """What somebody signs is shown to them before they do, on stderr."""
    return Screen((Run(line, before=before, messages=True),), parts)


def _wide(line: str, exit_code: int = 0) -> Screen:
    """Where a time decides how a line is folded."""
    return Screen((Run(line, exit_code, wide=True),))


def _told(line: str, *parts: tuple[str, str]) -> Screen:
    """What is told on the way goes to stderr."""
    return Screen((Run(line, messages=True),), parts)


def _post(function: str, key: str, body: str) -> Run:
    head = f"curl -s $URL/functions/v1/{function} -X POST"
    if not key:
        return Run(head)
    return Run(
        f"{head} \\\n    -H \"Authorization: Bearer ${key}\" -H 'Content-Type: application/json' \\\n    -d '{body}'"
    )


def _event(nonce: str) -> Run:
    return _post("submit-points-event", "USER_TOKEN", f'{{"event_type": "friend_invited", "nonce": "{nonce}"}}')


_COUPON = '{"template_id": "00000000-0000-4000-8000-000000000001", "nonce": "third-try"}'
_COUNTS_TO_END = (r"^\d+ pass, ", r"\Z")
_COUNTS_TO_EXIT = (r"^\d+ pass, ", r"^\(exit ")

# The order matters. A name that begins with `-` is run and shown nowhere.
STORY: Mapping[str, Screen] = {
    "init": _one("pointsctl init"),
    "mistakes": _one("pointsctl check list --checklist mistakes.yaml", 2),
    "-up": _one("pointsctl sandbox up"),
    "first-preflight": _own(
        "pointsctl preflight --env production",
        4,
        (r"^environment$", r"environment.all-variables"),
        (r"^staging$", r"staging.functions-deployed"),
        (r"^target$", r"target.worker"),
        _COUNTS_TO_END,
    ),
    "no-staging": _own("pointsctl check run staging.migration-applied --env production", 4),
    "own-tables": _own("pointsctl preflight --checklist own-tables.yaml", 1),
    "health": _one("curl -s $URL/healthz"),
    "submit": Screen((_post("submit-points-event", "", ""), *map(_event, ("first-try", "first-try", "second-try")))),
    "validate": Screen((_post("validate-points-event", "SERVICE_KEY", "{}"),)),
    "redeem": Screen((_post("redeem-coupon", "USER_TOKEN", _COUPON),)),
    "traffic": _one("pointsctl sandbox traffic --users 400 --events 8000 --seed 7"),
    "-staging": _one("pointsctl sandbox traffic --users 50 --events 1000 --seed 8 --database sandbox-staging"),
    "sandbox-status": _one("pointsctl sandbox status"),
    "doctor": _one("pointsctl doctor --env sandbox", None, (r"environment.sandbox.variables", r"sandbox.protected")),
    "check-show": _one("pointsctl check show security.rls-enabled"),
    "ready": _one("pointsctl check run 'security.*' --env sandbox", 0, (r"^security-audit", r"^$"), _COUNTS_TO_END),
    "waiting": _one("pointsctl preflight --env sandbox", 3, (r"^waiting for", r"^$"), _COUNTS_TO_END),
    "audit-run": _one("pointsctl audit run cache-balance coupon-duplicates --env sandbox"),
    "since": _one("pointsctl audit run cache-balance --env sandbox --since 2026-01-31T08:00:00Z"),
    "init-env": _after(make_people, "pointsctl init --env sandbox", 0),
    "trust-show": _one("pointsctl trust show --env sandbox"),
    "backup-create": _one("pointsctl backup create --env sandbox"),
    "backup-damaged": Screen(
        (Run("pointsctl backup verify --env sandbox", 1, before=(flip_a_byte,), messages=True),),
        ((r"^pointsctl: ", r"\Z"),),
    ),
    "backup-verify": _after(flip_a_byte, "pointsctl backup verify --env sandbox", 0),
    "backup-list": _one("pointsctl backup list --env sandbox"),
    "backup-show": _one(
        "pointsctl backup show latest --env sandbox",
        0,
        (r"^backup", r"public.user_points_cache"),
        (r"^REFUTED", r"\Z"),
    ),
    "backup-prune": _one("pointsctl backup prune --env sandbox --yes"),
    "backup-restore": Screen(
        (
            Run(
                "pointsctl backup restore latest --env sandbox --into env:NEW_DATABASE_URL",
                0,
                {"NEW_DATABASE_URL": "$NEW_DATABASE_URL"},
            ),
        ),
    ),
    "migrate-status": _after(write_project, "pointsctl migrate status --env sandbox", 0),
    "migrate-lint": _one("pointsctl migrate lint --env sandbox", 1),
    "migrate-rehearse": _one("pointsctl migrate rehearse --env sandbox"),
    "migrate-plan": _wide("pointsctl migrate plan --env sandbox"),
    "-init-staging": _one("pointsctl init --env sandbox-staging"),
    "migrate-apply": _wide("pointsctl migrate apply --env sandbox-staging --yes"),
    "recorded": _one("pointsctl preflight --env sandbox", 3, _COUNTS_TO_END),
    "attest": _signed(
        "pointsctl attest 'staging.smoke-*' 'staging.load-*' --env sandbox --key keys/olga --note 'tried by hand'"
    ),
    "plan-create": _signed("pointsctl plan create --env sandbox --author ada@example.test --key keys/olga"),
    "plan-show": _one("pointsctl plan show --env sandbox"),
    "gate-waiting": _one("pointsctl gate pre-deployment --env sandbox", 3),
    "approve": _signed("pointsctl approve --env sandbox --key keys/erin --yes", (r"^erin@example.test as", r"\Z")),
    "-operations": _one("pointsctl approve --env sandbox --key keys/omar --yes"),
    "approvals-list": _one("pointsctl approvals list --env sandbox"),
    "gate-open": _one("pointsctl gate pre-deployment --env sandbox"),
    "gate-refused": _after(
        change_migration,
        "pointsctl gate pre-deployment --env sandbox",
        5,
        (r"^refused", r"^    next"),
        (r"^closed", r"\Z"),
    ),
    "ledger-log": _one("pointsctl ledger log --env sandbox"),
    "ledger-anchor": _one("pointsctl ledger anchor --env sandbox --key keys/olga"),
    "ledger-verify": _one("pointsctl ledger verify --env sandbox"),
    "evidence-export": _after(write_project, "pointsctl evidence export --env sandbox --output evidence.zip", 0),
    "evidence-verify": _one("pointsctl evidence verify evidence.zip"),
    "attest-window": _signed(
        "pointsctl attest migration.window-scheduled --env sandbox --key keys/olga"
        " --field start=$START --field rollback-deadline=$DEADLINE",
        (r"^recorded|record \d+", r"\Z"),
    ),
    "-announced": _one("pointsctl attest 'migration.*-notified' --env sandbox --key keys/olga"),
    "deploy-dry-run": _wide("pointsctl deploy --env sandbox --dry-run"),
    "deploy": _wide("pointsctl deploy --env sandbox"),
    "functions-list": _wide("pointsctl functions list --env sandbox"),
    "functions-probe": _wide("pointsctl functions probe --env sandbox"),
    "migrate-verify": _one("pointsctl migrate verify --env sandbox"),
    "migrate-drift": _after(rewrite_migration, "pointsctl migrate status --env sandbox --diff", 1),
    "migrate-repair": _signed(
        "pointsctl migrate repair --env sandbox --key keys/erin --accept-drift 20260201000001"
        " --reason 'the same index, in other words'"
    ),
    "break": _one("pointsctl sandbox break cache-drift"),
    "failure": _one("pointsctl check run target.balances --env sandbox", 1),
    "github": _one("pointsctl check run target.balances --env sandbox --format github", 1),
    "ledger-damaged": _after(rewrite_ledger, "pointsctl ledger verify --env sandbox", 1),
    "demo": _told(
        "pointsctl demo",
        (r"^\[\d+/\d+\] Ask whether", r"^\$ pointsctl preflight"),
        _COUNTS_TO_EXIT,
        (r"^\[\d+/\d+\] Plant two defects", r"^planted rls-disabled"),
        (r"^  . fail +target.balances$", r"    expected"),
        _COUNTS_TO_EXIT,
        (r"^\[\d+/\d+\] One byte of it is changed", r"^\$ "),
        (r"^pointsctl: backup", r"^\(exit "),
        (r"^\[\d+/\d+\] With the bytes that were stored", r"^\$ "),
        (r"^restored in", r"^recorded"),
        (r"^\[\d+/\d+\] Rehearse them", r"^\$ "),
        (r"^rehearsed: ", r"^recorded in"),
        (r"^\[\d+/\d+\] The gate asks the ledger", r"^    run"),
        (r"^closed", r"^\(exit 3"),
        (r"^\[\d+/\d+\] The gate is open", r"^open"),
        (r"^\[\d+/\d+\] One byte of", r"^    next"),
        (r"^closed", r"^\(exit 5"),
        (r"^\[\d+/\d+\] With the bytes that were signed", r"^\$ pointsctl gate"),
        (r"^ 1\. gate", r"^deployed to"),
        (r"^\[\d+/\d+\] In a folder with nothing else", r"^\$ "),
        (r"^whole", r"\Z"),
    ),
}
