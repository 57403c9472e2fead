"""Verifying a long ledger: against a bare loop over the same rows, its growth, and the memory that it takes."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from pointsctl.model.configuration import Environment
from pointsctl.model.ledger import EMPTY
from pointsctl.postgres.connection import connect
from pointsctl.workflow.verify_ledger import Request, verify_database
from tests.bench.measure import Ratio, run, side_by_side
from tests.support.cli import write_checklist
from tests.support.ledger_bulk import fill
from tests.support.ledgers import install
from tests.support.servers import Server, throw_away_server

RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))
_NAME = "here"
_TURNS = 3
_BARE = "select seq, kind, previous_hash, hash, body, signature from only public.migration_audit order by seq"


def ledger(out: Console) -> Iterator[Ratio]:
    """At a quarter of the records, then at all of them; what is no ratio is printed to `out`."""
    with throw_away_server() as server, server.database("template0") as name:
        url = server.cluster.url(name)
        install(url, _NAME)
        fill(url, RECORDS // 4)
        few = _against_a_bare_loop(url, RECORDS // 4)
        fill(url, RECORDS - RECORDS // 4)
        many = _against_a_bare_loop(url, RECORDS)
        yield many
        yield Ratio(
            f"ledger verify, a quarter of {RECORDS:,} records / a quarter as many",
            tuple(seconds / 4 for seconds in many.ours),
            few.ours,
            1.15,
        )
        _memory(server, name, out)


def _against_a_bare_loop(url: str, records: int) -> Ratio:
    environment, request = Environment(database_url=url), Request(EMPTY, (), dict(os.environ))

    def verify() -> None:
        if not verify_database(_NAME, environment, "", request, lambda _: None).whole:
            raise SystemExit("the ledger of the benchmark is damaged")

    return side_by_side(
        f"ledger verify, {records:,} records / fetching and hashing them",
        verify,
        lambda: _bare_loop(url),
        target=2,
        turns=_TURNS,
    )


def _bare_loop(url: str) -> None:
    """Fetches the same rows the same way, without asking the server anything about them, and hashes their bytes."""
    with connect(url, autocommit=False) as connection, connection.cursor() as cursor:
        for row in cursor.stream(_BARE):
            hashlib.sha256((row[2] + row[4]).encode()).hexdigest()


def _memory(server: Server, name: str, out: Console) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_checklist(Path(folder), "- {id: team.told, title: Everybody knows, kind: attestation}")
        variables = {"PATH": os.environ["PATH"], "HOME": folder, "CI": "1", "DATABASE_URL": server.cluster.url(name)}
        command = [str(Path(sys.executable).parent / "pointsctl"), "ledger", "verify"]
        ended = run(command, cwd=folder, environment=variables)
    if ended.code:
        raise SystemExit(f"ledger verify ended with {ended.code}")
    out.print(
        f"ledger verify: process {ended.seconds:.2f} s, {RECORDS / ended.seconds:,.0f} records/s,"
        f" peak {ended.peak_bytes / 1e6:.0f} MB (at most 100 MB)"
    )
