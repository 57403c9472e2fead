"""Evidence that was exported or verified, for people and programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsctl.cli.ledger_tables import head_text
from pointsctl.cli.tables import print_json
from pointsctl.model.canonical import jsonable, utc_text
from pointsctl.model.escape import plain
from pointsctl.model.ledger import Head
from pointsctl.model.plan import SHORT

if TYPE_CHECKING:
    from pointsctl.ledger.bundle import Derived
    from pointsctl.model.approval import Approvals
    from pointsctl.model.approval_predicate import Grounds
    from pointsctl.model.bundle import Difference
    from pointsctl.model.bundle_contents import Contents, StatementFile
    from pointsctl.workflow.export_evidence import Exported
    from pointsctl.workflow.export_in_toto import Attested
    from pointsctl.workflow.verify_evidence import Verified
    from pointsctl.workflow.verify_in_toto import VerifiedEnvelope

EXPORTED_SCHEMA = "pointsctl/evidence-exported/v1"
VERIFIED_SCHEMA = "pointsctl/evidence-verification/v1"
_LONGEST_LINE = 10_000


def exported(done: Exported, *, as_json: bool) -> None:
    """A bundle that was written."""
    contents = done.contents
    if as_json:
        document = {"schema": EXPORTED_SCHEMA, "format": "zip", "file": str(done.path), "files": done.files}
        odd = [damage.as_json() for damage in done.odd]
        print_json({**document, **_contents(contents), "missing": list(done.missing), "do_not_count": odd})
        return
    _write(_exported(done, contents))


def _exported(done: Exported, contents: Contents) -> Iterator[str]:
    yield f"wrote {done.path}: {done.files:,} files, {contents.records:,} records"
    yield f"head {head_text(contents.head)}"
    yield f"policy {contents.root or 'none is in force'}"
    for damage in done.odd:
        yield f"{damage.records} does not count: {damage.found}"
    for name in done.missing:
        yield f"left out: {name}, which is not there as it was planned or run"
    yield "note head and policy elsewhere, then check it with: pointsctl evidence verify FILE --head ... --policy ..."


def attested(done: Attested, path: Path, *, as_json: bool) -> None:
    """An attestation that was written."""
    if as_json:
        document = {"schema": EXPORTED_SCHEMA, "format": "in-toto", "file": str(path), "plan": done.plan}
        print_json({**document, "principal": done.principal, "fingerprint": done.fingerprint})
        return
    _write([f"wrote {path}: plan {done.short} is approved, signed by {done.principal} ({done.fingerprint})"])


def bundle_verdict(verified: Verified, file: Path, *, as_json: bool) -> None:
    """What verifying a bundle has found."""
    derived = verified.derived
    if as_json:
        document = {"schema": VERIFIED_SCHEMA, "format": "zip", "file": str(file), "whole": verified.whole}
        document |= {"files": verified.files, "differences": [one.as_json() for one in verified.differences]}
        document |= {"renderings_compared": not verified.unjudged}
        print_json(document | (_derived(derived) if derived else {"ledger": None}))
        return
    _write(_bundle_lines(verified, derived))


def envelope_verdict(verified: VerifiedEnvelope, file: Path, *, as_json: bool) -> None:
    """What verifying an attestation has found."""
    approvals, grounds = verified.approvals, verified.grounds
    if as_json:
        document = {"schema": VERIFIED_SCHEMA, "format": "in-toto", "file": str(file), "whole": verified.whole}
        document |= {"differences": [one.as_json() for one in verified.differences], "policy": verified.policy}
        issuer = {"principal": grounds.issuer, "fingerprint": verified.fingerprint} if grounds else None
        print_json(document | {"plan": approvals.plan.digest if approvals else None, "issuer": issuer})
        return
    _write(_envelope_lines(verified, approvals, grounds))


def _bundle_lines(verified: Verified, derived: Derived | None) -> Iterator[str]:
    yield from _differences(verified.differences)
    if derived is None:
        yield "DAMAGED: the ledger in it was not read"
        return
    for damage in derived.damages:
        where = f" (line {damage.line})" if damage.line is not None else ""
        yield f"ledger.jsonl, {damage.records}{where}: {damage.what.value}"
        yield f"  expected: {damage.expected}"
        yield f"  found:    {damage.found}"
    if derived.more:
        yield f"... and {derived.more:,} more"
    yield from _contents_lines(derived)
    yield from _not_compared(*verified.compared)
    if verified.unjudged:
        yield f"not compared: README.txt and *.junit.xml, which version {verified.unjudged} wrote for people to read"
    word = "whole" if verified.whole else "DAMAGED"
    yield f"{word}, {verified.files:,} files, head {head_text(derived.contents.head)}"


def _contents_lines(derived: Derived) -> Iterator[str]:
    contents = derived.contents
    yield f"environment {contents.environment or 'unknown'}, {contents.records:,} records, {derived.signatures:,} signatures that count"
    if contents.adopted_at:
        yield f"records before {contents.adopted_at} were made in another database, of which this one is a copy"
    for one in contents.statements:
        yield _signature(one)
    for key in derived.revoked:
        yield f"the key {key.fingerprint} of {key.principal} is revoked since: valid when recorded"
    yield f"policy {contents.root or 'none'}, from which all others follow"


def _signature(one: StatementFile) -> str:
    about = f" plan {one.plan[:SHORT]}" if one.plan else ""
    role = f" as {one.role}" if one.role else ""
    what = f"{one.decision}" if one.decision else one.kind
    return f"record {one.seq}: {what}{about}, {one.principal}{role}, {utc_text(one.recorded_at)}, {one.fingerprint}"


def _envelope_lines(verified: VerifiedEnvelope, approvals: Approvals | None, grounds: Grounds | None) -> Iterator[str]:
    yield from _differences(verified.differences)
    if approvals is not None and grounds is not None:
        yield f"environment {grounds.environment}, plan {approvals.plan.digest}"
        for role in approvals.roles:
            for one in role.filled_by:
                yield f"record {one.seq}: approve, {one.statement.principal} as {role.role}, {one.signed.fingerprint}"
        head = Head(grounds.ledgerHead.seq, grounds.ledgerHead.hash)
        yield f"issued by {grounds.issuer} at {utc_text(grounds.approvedAt)}, head {head_text(head)}"
        yield f"policy {verified.policy}"
        yield "that nobody has rejected the plan is the issuer's word; a bundle (--format zip) proves it"
    yield from _not_compared(*verified.compared)
    yield "whole: the plan was approved" if verified.whole else "DAMAGED, or not approved"


def _differences(differences: tuple[Difference, ...]) -> Iterator[str]:
    for one in differences:
        yield one.name
        yield f"  expected: {one.expected}"
        yield f"  found:    {one.found}"


def _not_compared(policy: bool, head: bool) -> Iterator[str]:
    if not policy:
        yield "not compared with a policy that you know (--policy): whoever made the file also chose the keys in it"
    if not head:
        yield "not compared with a head that was noted elsewhere (--head): later records may have been cut off"


def _contents(contents: Contents) -> dict[str, Any]:
    return {
        "environment": contents.environment,
        "records": contents.records,
        "head": jsonable(contents.head._asdict()),
        "policy": contents.root,
        "plans": sorted({one.plan.digest for one in contents.plans}),
    }


def _derived(derived: Derived) -> dict[str, Any]:
    signatures = [
        {"seq": one.seq, "kind": one.kind, "principal": one.principal, "fingerprint": one.fingerprint}
        | {"plan": one.plan, "role": one.role, "decision": one.decision}
        for one in derived.contents.statements
    ]
    damages = [damage.as_json() for damage in derived.damages]
    revoked = [{"principal": one.principal, "fingerprint": one.fingerprint} for one in derived.revoked]
    ledger = {"damages": damages, "more_damages": derived.more, "signatures": signatures, "revoked_since": revoked}
    return {**_contents(derived.contents), "ledger": ledger}


def _write(lines: Iterator[str] | list[str]) -> None:
    """No line is cut, because heads and digests are copied from it."""
    sys.stdout.writelines(f"{plain(line, _LONGEST_LINE)}\n" for line in lines)
