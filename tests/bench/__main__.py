"""`make bench`: start-up, the ledger, migrations, audits, the whole preflight, backups, memory; each as a ratio against what it is compared with."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pointsctl.model.configuration import Environment
from pointsctl.postgres.connection import Connection, connect
from pointsctl.sandbox import lifecycle
from pointsctl.sandbox.environments import SandboxEnvironment
from pointsctl.sandbox.traffic import make_traffic
from pointsctl.workflow.check_environment import Surroundings
from pointsctl.workflow.load_checklist import load_checklist
from pointsctl.workflow.run_audits import run_audits
from tests.bench import paper
from tests.bench.backups import backups
from tests.bench.ledger import ledger
from tests.bench.measure import Ratio, run, side_by_side
from tests.bench.migrations import migrations
from tests.bench.stores import stores

EVENTS = int(os.environ.get("BENCH_EVENTS", "3000000"))
USERS, COUPONS = EVENTS // 10, EVENTS // 6
BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
OUT = Console(width=110, highlight=False)


def main() -> None:
    """Measure everything and print one table."""
    ratios = [*start_up(), *ledger(OUT), *stores(OUT), *migrations(OUT)]
    with sandbox() as (environment, directory):
        ratios.extend(audits(environment))
        ratios.extend(whole_preflight(directory))
        ratios.extend(incremental(environment))
        ratios.extend(backups(environment.database_url, directory, directory.parent, OUT))
    table = Table("what", "ours, ms", "compared, ms", "ratio", "at most", "met", title=f"{EVENTS:,} events")
    for ratio in ratios:
        table.add_row(*ratio.row())
    OUT.print(table)


def start_up() -> Iterator[Ratio]:
    """How long it takes to say something, against importing typer, and against a comparable program."""
    quiet = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "COLUMNS": "80"}

    def program(*command: str) -> None:
        if run(command, cwd="/", environment=quiet).code:
            raise SystemExit(f"{command} failed")

    python, pointsctl = sys.executable, str(BIN / "pointsctl")
    typer = ("python -c 'import typer'", lambda: program(python, "-c", "import typer"), 1.5)
    alembic = ("alembic --help", lambda: program(str(BIN / "alembic"), "--help"), 0.5)
    for flag in ("--help", "--version"):
        for name, theirs, target in (typer, alembic):
            ours = f"pointsctl {flag} / {name}"
            yield side_by_side(ours, lambda flag=flag: program(pointsctl, flag), theirs, target=target, turns=9)  # type: ignore[misc]  # a default binds the loop's value


@contextmanager
def sandbox() -> Iterator[tuple[SandboxEnvironment, Path]]:
    """A sandbox of its own, filled."""
    with tempfile.TemporaryDirectory(prefix="pointsctl-bench-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        directory = Path(name) / "sandbox"
        try:
            environment = lifecycle.up(directory).environments[0]
            moment = datetime.now(UTC)
            report = make_traffic(environment, users=USERS, events=EVENTS, seed=1, at=moment, coupons=COUPONS)
            OUT.print(
                f"traffic: {report.events:,} events in {report.seconds:.1f} s = {report.events_per_second:,.0f}/s"
            )
            staging = lifecycle.status(directory).environments[1]
            make_traffic(staging, users=200, events=2000, seed=1, at=moment)
            yield environment, directory
        finally:
            lifecycle.down(directory, purge=True)


def surroundings(environment: SandboxEnvironment) -> Surroundings:
    """What the command line would hand down."""
    known = Environment(database_url=environment.database_url, variables=dict(environment.variables))
    return Surroundings(
        variables={},
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        new_id=lambda: "bench",
        built_in={environment.name: known},
    )


def audits(environment: SandboxEnvironment) -> Iterator[Ratio]:
    """All audits together, and the balance audit alone, against the paper checklist's queries."""
    loaded = load_checklist(ROOT / "checklist.yaml", {})
    with connect(environment.database_url) as connection:
        yield side_by_side(
            "all audits / the paper's four queries",
            lambda: run_audits(loaded, [], environment.name, surroundings(environment)),
            lambda: [connection.execute(query).fetchall() for query in paper.ALL],
            target=0.5,
        )
        yield side_by_side(
            "cache-balance / the paper's balance query",
            lambda: run_audits(loaded, ["cache-balance"], environment.name, surroundings(environment)),
            lambda: connection.execute(paper.BALANCE).fetchall(),
            target=0.35,
        )


def incremental(environment: SandboxEnvironment) -> Iterator[Ratio]:
    """The incremental balance audit after one new event in a thousand, against the paper's whole query."""
    loaded = load_checklist(ROOT / "checklist.yaml", {})
    since = datetime.now(UTC) - timedelta(seconds=1)
    with connect(environment.database_url) as connection:
        touch(connection, EVENTS // 1000)
        yield side_by_side(
            "cache-balance --since, 1/1000 new / the paper's balance query",
            lambda: run_audits(loaded, ["cache-balance"], environment.name, surroundings(environment), since=since),
            lambda: connection.execute(paper.BALANCE).fetchall(),
            target=0.05,
        )


def touch(connection: Connection, events: int) -> None:
    """New validated events for that many users, booked into their balances."""
    connection.execute(
        "with chosen as (select user_id from public.user_points_cache order by user_id limit %s),"
        " made as (insert into public.points_events"
        "   (user_id, event_type, points_delta, validation_status, nonce, payload_hash, trust_score, validated_at)"
        "   select user_id, 'habit_completed', 1, 'validated', 'bench-' || gen_random_uuid(),"
        "     encode(sha256(gen_random_uuid()::text::bytea), 'hex'), 90, now() from chosen returning user_id)"
        " update public.user_points_cache as cache set available_points = available_points + 1 from made"
        " where cache.user_id = made.user_id",
        (events,),
    )


def whole_preflight(directory: Path) -> Iterator[Ratio]:
    """The whole preflight as a process: its run against its slowest item, and its peak memory."""
    variables = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "POINTSCTL_SANDBOX_DIR": str(directory), "CI": "1"}
    command = [str(BIN / "pointsctl"), "preflight", "--env", "sandbox", "--json"]
    runs, slowest = [], []
    for _ in range(5):
        ended = run(command, cwd=str(ROOT), environment=variables)
        document = json.loads(ended.out)
        longest = max(document["findings"], key=lambda finding: finding["duration_ms"])
        runs.append(_milliseconds(document["started_at"], document["finished_at"]) / 1000)
        slowest.append(longest["duration_ms"] / 1000)
    OUT.print(f"preflight: process {ended.seconds:.2f} s, peak {ended.peak_bytes / 1e6:.0f} MB (at most 150 MB)")
    OUT.print(f"           slowest item {longest['id']}; outcomes {document['counts']}")
    yield Ratio("preflight / its slowest item", tuple(runs), tuple(slowest), 1.2)


def _milliseconds(started: str, finished: str) -> float:
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds() * 1000


if __name__ == "__main__":
    main()
