"""What the demo tells: the commands in their order, why each is run, and the files that it writes for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

OPERATOR, ENGINEERING, OPERATIONS = "olga@example.test", "erin@example.test", "omar@example.test"
_KEYS = {OPERATOR: "keys/olga", ENGINEERING: "keys/erin", OPERATIONS: "keys/omar"}
_MIGRATION = "supabase/migrations/20260201000001_coupons_by_status.sql"
_REVERSE = "supabase/reverse/20260201000001_coupons_by_status.sql"
_CREATE = (
    "-- Support looks for coupons that were issued and never redeemed.\n"
    "create index coupons_status_idx on public.coupons (status);\n"
)
_DROP = "drop index public.coupons_status_idx;\n"
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


def _write_migration(folder: Path) -> str:
    for name, text in ((_MIGRATION, _CREATE), (_REVERSE, _DROP)):
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return f"wrote {_MIGRATION}, and what undoes it"


def _change_one_byte(folder: Path) -> str:
    path = folder / _MIGRATION
    path.write_text(_CREATE.replace("coupons (status)", "coupons (statuS)"), encoding="utf-8")
    return f"changed one byte of {_MIGRATION}"


def _change_it_back(folder: Path) -> str:
    (folder / _MIGRATION).write_text(_CREATE, encoding="utf-8")
    return f"changed {_MIGRATION} back"


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


_MAKE_KEYS = tuple(f"ssh-keygen -q -t ed25519 -N '' -C {who} -f {key}" for who, key in _KEYS.items())
_TRAFFIC = (
    "pointsctl sandbox traffic --users 400 --events 8000 --seed 7",
    "pointsctl sandbox traffic --users 50 --events 1000 --seed 8 --database sandbox-staging",
)
_PREFLIGHT = "pointsctl preflight --env sandbox"
_GATE = "pointsctl gate pre-deployment --env sandbox"
_VERIFY = "pointsctl backup verify --env sandbox"

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
    Step("Look again. This time what is found becomes a record of the ledger.", (_PREFLIGHT,), 3),
    Step(
        "Some things only a person can say. The operator has tried the service on staging by hand, and signs for it.",
        (
            f"pointsctl attest 'staging.smoke-*' 'staging.load-*' --env sandbox --key {_KEYS[OPERATOR]} --note 'tried by hand'",
        ),
    ),
    Step(
        "Fix what is to be deployed, byte for byte: one new migration.",
        (f"pointsctl plan create --env sandbox --author {OPERATOR} --key {_KEYS[OPERATOR]}",),
        write=_write_migration,
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
    Step("With the bytes that were signed it is open again.", (_GATE,), write=_change_it_back),
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
