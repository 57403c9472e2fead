"""What the demo tells: the commands in their order, why each is run, and the files that it writes for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

OPERATOR, ENGINEERING, OPERATIONS = "olga@example.test", "erin@example.test", "omar@example.test"
_KEYS = {OPERATOR: "keys/olga", ENGINEERING: "keys/erin", OPERATIONS: "keys/omar"}
_REFERENCE = "20250725000001_points_and_coupons"
_INDEX, _NOTE = "20260201000001_coupons_by_status", "20260201000002_support_note"
_MIGRATIONS, _REVERSE, _FUNCTIONS = "supabase/migrations", "supabase/reverse", "supabase/functions"
_CREATE = (
    "-- Support looks for coupons that were issued and never redeemed.\n"
    "create index concurrently coupons_status_idx on public.coupons (status);\n"
)
_FILES = {
    f"{_MIGRATIONS}/{_INDEX}.sql": _CREATE,
    f"{_REVERSE}/{_INDEX}.sql": "drop index concurrently public.coupons_status_idx;\n",
    f"{_MIGRATIONS}/{_NOTE}.sql": (
        "alter table public.coupons add column support_note text;\n"
        "comment on column public.coupons.support_note is 'what support has told the user';\n"
    ),
    f"{_REVERSE}/{_NOTE}.sql": "alter table public.coupons drop column support_note;\n",
    f"{_REVERSE}/{_NOTE}.verify.sql": "select not exists (select from public.coupons where support_note is not null);\n",
    f"{_FUNCTIONS}/_shared/answer.ts": (
        "export const answer = (name: string): Response => Response.json({ function: name });\n"
    ),
    **{
        f"{_FUNCTIONS}/{name}/index.ts": (
            f'import {{ answer }} from "../_shared/answer.ts";\n\nDeno.serve(() => answer("{name}"));\n'
        )
        for name in ("submit-points-event", "validate-points-event", "redeem-coupon")
    },
}
_POLICY = f"""version: 1
roles:
  engineering-lead: {{principals: [{ENGINEERING}]}}
  operations-lead: {{principals: [{OPERATIONS}]}}
  operator: {{principals: [{OPERATOR}]}}
waivers: [engineering-lead]
updates: [engineering-lead, operations-lead]
"""


@dataclass(frozen=True)
class Step:
    """Command lines of the story, as they are typed, why they are run, and the exit code that the story expects of the last.

    `write` prepares files in the demo's folder and returns what it did, in a line; `folder` is where the commands run, below
    the demo's folder; `into` is the file there that takes the output.
    """

    why: str
    lines: tuple[str, ...]
    expected: int = 0
    write: Callable[[Path], str] | None = None
    folder: str = ""
    into: str = ""


def _write_trust(folder: Path) -> str:
    trust = folder / "trust"
    trust.mkdir()
    (trust / "policy.yaml").write_text(_POLICY, encoding="utf-8")
    lines = []
    for principal, key in _KEYS.items():
        kind, value = (folder / f"{key}.pub").read_text(encoding="utf-8").split()[:2]
        lines.append(f'{principal} namespaces="pointsctl" {kind} {value}\n')
    (trust / "allowed_signers").write_text("".join(lines), encoding="utf-8")
    return "wrote trust/policy.yaml (who holds which role) and trust/allowed_signers (whose key is whose)"


def _write_project(folder: Path) -> str:
    reference = files("pointsctl.sql").joinpath(f"migrations/{_REFERENCE}.sql").read_text(encoding="utf-8")
    for name, text in {f"{_MIGRATIONS}/{_REFERENCE}.sql": reference, **_FILES}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return "wrote two new migrations beside the one that is applied, what undoes and verifies them, and three functions"


def _change_one_byte(folder: Path) -> str:
    path = folder / _MIGRATIONS / f"{_INDEX}.sql"
    path.write_text(_CREATE.replace("coupons (status)", "coupons (statuS)"), encoding="utf-8")
    return f"changed one byte of {path.name}"


def _change_it_back(folder: Path) -> str:
    path = folder / _MIGRATIONS / f"{_INDEX}.sql"
    path.write_text(_CREATE, encoding="utf-8")
    return f"changed {path.name} back"


def _stored_object(folder: Path) -> Path:
    """The largest object of the one backup in the sandbox's store."""
    return max(folder.glob("sandbox/store/backups/sandbox/*/objects/dump/*"), key=lambda path: path.stat().st_size)


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _damage_backup(folder: Path) -> str:
    path = _stored_object(folder)
    _flip_a_byte(path)
    return f"changed one byte of {path.name} in the store"


def _mend_backup(folder: Path) -> str:
    path = _stored_object(folder)
    _flip_a_byte(path)
    return f"changed {path.name} back"


def _make_keys_folder(folder: Path) -> str:
    (folder / "keys").mkdir(mode=0o700)
    return "made the folder keys/"


def _make_proof_folder(folder: Path) -> str:
    (folder / "proof").mkdir(mode=0o755)
    return "made the empty folder proof/"


def _window() -> str:
    """The fields of a window that begins now, and in which a rollback has to be decided within four hours."""
    start = datetime.now(UTC).replace(second=0, microsecond=0)
    deadline = start + timedelta(hours=4)
    return f"--field start={start:%Y-%m-%dT%H:%MZ} --field rollback-deadline={deadline:%Y-%m-%dT%H:%MZ}"


_MAKE_KEYS = tuple(f"ssh-keygen -q -t ed25519 -N '' -C {who} -f {key}" for who, key in _KEYS.items())
_TRAFFIC = (
    "pointsctl sandbox traffic --users 400 --events 8000 --seed 7",
    "pointsctl sandbox traffic --users 50 --events 1000 --seed 8 --database sandbox-staging",
)
_PREFLIGHT = "pointsctl preflight --env sandbox"
_GATE = "pointsctl gate pre-deployment --env sandbox"
_VERIFY = "pointsctl backup verify --env sandbox"
_AUDIT = "pointsctl ledger log --env sandbox --kind migration.applied"

STORY = (
    Step("Write a starter checklist: every box of the deployment checklist, as data.", ("pointsctl init",)),
    Step(
        "Start a private PostgreSQL with Supabase's conventions, and a reference points service.",
        ("pointsctl sandbox up",),
    ),
    Step(
        "Make users, events and coupons, the same ones every time; some on staging, where things are tried first.",
        _TRAFFIC,
    ),
    Step(
        "Ask whether a deployment may begin. What a machine can decide passes; people have not signed yet: exit 3.",
        (_PREFLIGHT,),
        3,
    ),
    Step(
        "Plant two defects: a balance that does not follow from its events, a table whose rows every user can read.",
        ("pointsctl sandbox break cache-drift", "pointsctl sandbox break rls-disabled"),
    ),
    Step("Ask again. The gate is closed, and the offending rows are shown: exit 1.", (_PREFLIGHT,), 1),
    Step("Mend everything by starting from fresh databases.", ("pointsctl sandbox reset", *_TRAFFIC)),
    Step("Now the people: three of them, each with an SSH key of their own.", _MAKE_KEYS, write=_make_keys_folder),
    Step(
        "Install the ledger, an append-only, hash-chained table. It is told which database it is in, and whom to trust.",
        ("pointsctl init --env sandbox",),
        write=_write_trust,
    ),
    Step(
        "Take a backup: a dump, and in the same snapshot what proves a copy of it, row by row.",
        ("pointsctl backup create --env sandbox",),
    ),
    Step(
        "One byte of it is changed in the store. The drill names the object, and does not restore it: exit 1.",
        (_VERIFY,),
        1,
        write=_damage_backup,
    ),
    Step(
        "With the bytes that were stored it is restored into a server of its own, and the copy is proven to be the source.",
        (_VERIFY,),
        write=_mend_backup,
    ),
    Step(
        "Two migrations are pending. What would they lock, lose or open? And what does the database say to have had?",
        ("pointsctl migrate lint --env sandbox", "pointsctl migrate status --env sandbox"),
        write=_write_project,
    ),
    Step(
        "Rehearse them on the proven copy: what each statement takes and locks, and that the reverse scripts lead back.",
        ("pointsctl migrate rehearse --env sandbox",),
    ),
    Step("Look again. This time what is found becomes a record of the ledger.", (_PREFLIGHT,), 3),
    Step(
        "Some things only a person can say: it was tried on staging by hand, and everybody knows. The operator signs for it.",
        (
            f"pointsctl attest 'staging.smoke-*' 'staging.load-*' --env sandbox --key {_KEYS[OPERATOR]} --note 'tried by hand'",
            f"pointsctl attest 'migration.*-notified' --env sandbox --key {_KEYS[OPERATOR]} --note 'told in the channel'",
            f"pointsctl attest migration.window-scheduled --env sandbox --key {_KEYS[OPERATOR]} {_window()}",
        ),
    ),
    Step(
        "Fix what is to be deployed, byte for byte: migrations and functions.",
        (f"pointsctl plan create --env sandbox --author {OPERATOR} --key {_KEYS[OPERATOR]}",),
    ),
    Step("The gate asks the ledger alone. Two signatures are missing: exit 3.", (_GATE,), 3),
    Step(
        "The engineering lead is shown the plan, and signs.",
        (f"pointsctl approve --env sandbox --role engineering-lead --key {_KEYS[ENGINEERING]} --yes",),
    ),
    Step(
        "So does the operations lead, with another key.",
        (f"pointsctl approve --env sandbox --role operations-lead --key {_KEYS[OPERATIONS]} --yes",),
    ),
    Step("The gate is open: exit 0.", (_GATE,)),
    Step(
        "One byte of the migration is changed after it was approved. The gate closes and says what died of it: exit 5.",
        (_GATE,),
        5,
        write=_change_one_byte,
    ),
    Step(
        "With the bytes that were signed it is open again. Deploy: every step looks first, and is recorded.",
        (_GATE, "pointsctl deploy --env sandbox"),
        write=_change_it_back,
    ),
    Step(
        "The migrations, the functions and the audit records are there. The production database is what was rehearsed.",
        ("pointsctl migrate verify --env sandbox", "pointsctl functions list --env sandbox", _AUDIT),
    ),
    Step(
        "Take the proof away: everything in one file, and the commands with which anybody repeats the checks.",
        ("pointsctl evidence export --env sandbox --output proof/evidence.zip",),
        write=_make_proof_folder,
    ),
    Step("", ("pointsctl approvals verify --env sandbox --show-commands",), into="proof/check.sh"),
    Step("Stop the sandbox: from here on there is no database.", ("pointsctl sandbox down",)),
    Step(
        "In a folder with nothing else, without a database: the bundle is whole.",
        ("pointsctl evidence verify evidence.zip",),
        folder="proof",
    ),
    Step("And ssh-keygen and sha256sum, which know nothing of pointsctl, agree.", ("sh -eu check.sh",), folder="proof"),
)
CLEAN_UP = Step("Stop the sandbox and delete its data.", ("pointsctl sandbox down --purge",))
