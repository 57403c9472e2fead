"""`pointsctl evidence`: one file with everything that a ledger proves: written, and checked without a database."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsctl.cli import options
from pointsctl.cli.signing import Key

if TYPE_CHECKING:
    from pointsctl.cli.counting import Counting
    from pointsctl.model.run import Run

app = typer.Typer(help="Everything that a ledger proves, as one file: export, verify.", rich_markup_mode=None)

BundleFormat = Annotated[
    str, typer.Option("--format", metavar="NAME", help="zip, or in-toto: a signed attestation of the approved plan.")
]
Plan = Annotated[
    str | None, typer.Option("--plan", metavar="DIGEST", help="Only the files of this plan; the ledger stays whole.")
]
BundleOutput = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here; default: a name of its own, here.")
]
_FORMATS = ("zip", "in-toto")


@app.command("export")
def export(
    format_name: BundleFormat = "zip",
    plan: Plan = None,
    output: BundleOutput = None,
    key: Key = None,
    environment: options.EnvironmentName = None,
    as_json: options.Json = False,
    checklist: options.ChecklistPath = None,
) -> int:
    """Write one file with the ledger, plans, statements, signatures, policies, runs, the checklist and the migrations.

    It can be checked without a database, with `evidence verify` or with sha256sum and ssh-keygen alone (see its README.txt).
    The same content gives the same bytes. --format in-toto writes a DSSE envelope about the newest plan instead, signed by
    your key; a plan that is not approved is not attested.

    Example: pointsctl evidence export --env production --output evidence.zip

    Example: pointsctl evidence export --env production --format in-toto --key ~/.ssh/id_ed25519 --output approval.json

    Exit codes: 0 written; 2 usage or checklist, no such plan; 4 could not look, or the file cannot be written; 5 refused: a
    damaged ledger, a plan that is not approved, a key that is nobody's, the ledger of another environment or database.
    """
    from pointsctl.cli.evidence_tables import attested, exported
    from pointsctl.cli.output import check_output
    from pointsctl.cli.session import find_environment, load
    from pointsctl.cli.signing import signing_means
    from pointsctl.errors import UsageError
    from pointsctl.files import write_private
    from pointsctl.workflow.export_evidence import Request, export_evidence
    from pointsctl.workflow.export_in_toto import export_in_toto
    from pointsctl.workflow.open_ledger import open_ledger

    if format_name not in _FORMATS:
        raise UsageError(f"no format {format_name!r} of evidence", hint=f"formats: {', '.join(_FORMATS)}")
    check_output(output)
    loaded = load(checklist)
    name, found = find_environment(loaded, environment)
    with open_ledger(name, found) as ledger, closing(_counting()) as counting:
        if format_name == "zip":
            request = Request(name, plan, _junit, dict(os.environ))
            exported(export_evidence(ledger, loaded, request, output, counting), as_json=as_json)
            return 0
        done = export_in_toto(ledger, loaded, name, found, plan, signing_means(key))
    path = output or Path(f"approval-{done.short}.json")
    write_private(path, done.text)
    attested(done, path, as_json=as_json)
    return 0


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `evidence export` wrote.")],
    heads: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="SEQ:HASH", help="A head that must be in its ledger; repeatable."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="DIGEST", help="The policy from which all others in it must follow."),
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Check a file of `evidence export`: needs ssh-keygen, and neither database nor network nor checklist.

    Every file must be what follows from the ledger in it; every record, link, signature and digest is checked. Whoever made
    the file also chose the keys in it: give --policy and --head, which you know from elsewhere, to rule that out.

    Example: pointsctl evidence verify evidence.zip --head 7:9f86d0...

    Exit codes: 0 whole; 1 damaged, or not what was given to compare; 2 usage; 4 the file cannot be read.
    """
    from pointsctl import __version__
    from pointsctl.cli.evidence_tables import bundle_verdict, envelope_verdict
    from pointsctl.workflow.read_ledger import read_head
    from pointsctl.workflow.verify_evidence import Request, is_envelope, known_policy, verify_evidence
    from pointsctl.workflow.verify_in_toto import verify_envelope

    given, known = tuple(read_head(head) for head in heads or ()), known_policy(policy)
    if is_envelope(file):
        envelope = verify_envelope(file, known, given, dict(os.environ))
        envelope_verdict(envelope, file, as_json=as_json)
        return int(envelope.exit_code)
    with closing(_counting()) as counting:
        request = Request(given, known, _junit, __version__, dict(os.environ))
        verified = verify_evidence(file, request, counting)
    bundle_verdict(verified, file, as_json=as_json)
    return int(verified.exit_code)


def _counting() -> Counting:
    from pointsctl.cli.counting import Counting

    return Counting(sys.stderr, ci=bool(os.environ.get("CI")))


def _junit(run: Run) -> str:
    from pointsctl.reports.junit import Junit

    return Junit().render(run)
