"""README.txt of an evidence bundle: how to check it with programs that every machine has."""

from __future__ import annotations

from collections.abc import Sequence

from pointsctl.model.bundle_contents import Contents
from pointsctl.model.pin import identity_text

_TEXT = """\
Evidence of {place}
{records:,} records, the last one is
{head}

Everything in here follows from ledger.jsonl. `pointsctl evidence verify FILE` checks all of it. Without that
program, unpack the bundle with `unzip` into an empty folder and check it there with `sha256sum` and `ssh-keygen`.

1. The files are the ones that were put into the bundle:

    sha256sum -c SHA256SUMS

2. Nothing in the bundle says who made it. Compare its head, above and in head.json, with one that was noted elsewhere
   (`pointsctl ledger anchor` keeps signed ones outside the database), and the policy from which all others follow with
   the one that you know. Its digest is the SHA-256 of its file trust.json:

{roots}
   Whoever could choose that policy chose the keys.

3. Each plan is named after its digest, the SHA-256 of its content, which is what was approved:

{plans}
4. Each line of ledger.jsonl is one record. Its `hash` is the SHA-256 of its `previous_hash` and its `body`, one after
   the other; its `previous_hash` is the `hash` of the record before it. With `jq`, for record 1:

    jq -j 'select(.seq == 1) | .previous_hash + .body' ledger.jsonl | sha256sum

5. Each statement is what somebody signed, byte for byte, as it stands in the body of its record. The lines below check
   the signatures with the keys and revocations of the policy that was in force when they were recorded:

{signatures}
   Keys may have been revoked since: see the newest folder in trust/.
"""


def readme_text(contents: Contents, commands: Sequence[str]) -> str:
    """The content of README.txt; `commands` are the lines that check the statements."""
    pin, head = contents.pin, contents.head
    plans = sorted({one.plan.digest for one in contents.plans})
    return _TEXT.format(
        place=identity_text(pin.name, pin.database) if pin else "a ledger that is not pinned to an environment",
        records=contents.records,
        head=f"{head.seq}:{head.hash}",
        roots=_lines([f"sha256sum trust/{contents.root}/trust.json"] if contents.root else [], "no policy is in force"),
        plans=_lines([f"sha256sum plans/{digest}.json" for digest in plans], "there is no plan"),
        signatures=_lines(commands, "nobody has signed anything"),
    )


def _lines(commands: Sequence[str], otherwise: str) -> str:
    return "".join(f"    {command}\n" for command in commands) or f"   ({otherwise})\n"
