"""A shell script with which anybody repeats the check of signed decisions: sh, ssh-keygen, sha256sum and cat, nothing else."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pointsctl.model.canonical import canonical_text
from pointsctl.model.escape import plain
from pointsctl.model.ledger import Row
from pointsctl.model.plan import Plan
from pointsctl.model.policy import Trust
from pointsctl.model.statement import NAMESPACE, ApprovalStatement

_WIDTH = 96
_LITERAL = frozenset(range(0x20, 0x7F)) - frozenset(b"\\'")
_HEAD = """\
# Repeats the check of {number} with programs that every machine has: sh, ssh-keygen, sha256sum, cat.
# Run it with `sh` in an empty folder; it writes the files that it checks there, and ends with 0 when all of it holds.
# It proves that these texts were signed with these keys and stand in these records. Whether the keys are those of the
# people: compare their fingerprints (`ssh-keygen -l -f FILE`) with their owners.
set -eu
export LC_ALL=C
umask 077
within() {{ case "$(cat "$2")" in *"$(cat "$1")"*) ;; *) echo "$1 does not stand in $2" >&2; exit 1 ;; esac; }}
"""


@dataclass(frozen=True)
class StockDecision:
    """A decision with everything that its check needs: its row, the trust and the plan that it was given under (None for a
    plan that the ledger does not hold), and the time of its record.
    """

    row: Row
    statement: ApprovalStatement
    trust: Trust
    plan: Plan | None
    verify_time: str


def stock_script(decisions: Sequence[StockDecision]) -> str:
    """The script; printable ASCII and line ends whatever is in the ledger. Every line fails the script when it fails."""
    parts = [_HEAD.format(number=f"{len(decisions)} decision{'' if len(decisions) == 1 else 's'}")]
    for trust in {one.trust.digest: one.trust for one in decisions}.values():
        parts += [_trust(trust)]
    for plan in {one.plan.digest: one.plan for one in decisions if one.plan}.values():
        parts += [_plan(plan)]
    parts += ["\n".join(_decision(one)) + "\n" for one in decisions]
    return "\n".join(parts)


def printf(data: bytes, file: str) -> str:
    """The command that writes exactly these bytes to a file whose name needs no quotes.

    `%b` takes its octal digits after `\\0` in every shell, and is not looked at again, as the format itself would be by some.
    """
    pieces = [_piece(byte) for byte in data]
    lines: list[str] = [""]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > _WIDTH:
            lines.append("")
        lines[-1] += piece
    quoted = " \\\n  ".join(f"'{line}'" for line in lines)
    return f"printf %b {quoted} > {file}"


def _piece(byte: int) -> str:
    return chr(byte) if byte in _LITERAL else f"\\0{byte:03o}"


def _trust(trust: Trust) -> str:
    lines = [f"# policy {trust.digest}: its keys"]
    for ending, content in (("signers", trust.allowed_signers.encode()), ("revoked", trust.revoked_keys)):
        if content:
            file = f"{_name(trust)}.{ending}"
            lines += [printf(content, file), _sum(hashlib.sha256(content).hexdigest(), file)]
    return "\n".join(lines) + "\n"


def _plan(plan: Plan) -> str:
    file = f"plan-{plan.short}.json"
    comment = f"# plan {plan.digest}: its content has this digest"
    return "\n".join([comment, printf(plan.content.text().encode(), file), _sum(plan.digest, file)]) + "\n"


def _decision(one: StockDecision) -> Iterator[str]:
    """1. The row hangs in the chain. 2. The statement stands in the row. 3. It names the plan. 4. It was signed."""
    seq, statement, name = one.row.seq, one.statement, _name(one.trust)
    text = statement.text()
    chained = (one.row.previous_hash + one.row.body).encode()
    yield f"# record {seq}: {statement.decision.value} by {plain(statement.principal)} as {statement.role}"
    yield printf(chained, f"{seq}.record")
    yield _sum(one.row.hash, f"{seq}.record")
    yield printf(f'"statement":{canonical_text(text)}'.encode(), f"{seq}.part")
    yield f"within {seq}.part {seq}.record"
    yield printf(text.encode(), f"{seq}.statement")
    yield printf(f'"plan":{canonical_text(statement.plan)}'.encode(), f"{seq}.plan")
    yield f"within {seq}.plan {seq}.statement"
    signature = (one.row.signature or "").encode()
    yield printf(signature, f"{seq}.sig")
    yield _sum(hashlib.sha256(signature).hexdigest(), f"{seq}.sig")
    revoked = f" -r {name}.revoked" if one.trust.revoked_keys else ""
    who = shlex.quote(statement.principal)
    when = f"-Overify-time={one.verify_time}"
    yield f"ssh-keygen -Y verify -f {name}.signers -I {who} -n {NAMESPACE} -s {seq}.sig {when}{revoked} < {seq}.statement"


def _sum(digest: str, file: str) -> str:
    # The only way that sha256sum and its copies have in common to be given a sum: two blanks, then the name.
    return f"echo '{digest}  {file}' | sha256sum -c -"


def _name(trust: Trust) -> str:
    return f"policy-{trust.digest[:12]}"
