"""The doctor on real servers: what it says of each environment, and that it never calls a sick one healthy."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from pointsctl.errors import PointsctlError, UsageError
from pointsctl.model.configuration import Environment
from pointsctl.postgres.client_tools import ClientTool
from pointsctl.postgres.reachability import Reached, reach
from pointsctl.workflow.doctor import Patient, examine
from pointsctl.workflow.doctor_environments import Target, distinct_check, environment_checks, look_at
from pointsctl.workflow.doctor_machine import Machine
from pointsctl.workflow.doctor_result import DoctorCheck, Examination, Status
from pointsctl.workflow.load_checklist import load_checklist
from tests.support.servers import Server, open_directory

PHASES = "phases: []\n"


def machine(**variables: str) -> Machine:
    return Machine({"PATH": os.environ.get("PATH", os.defpath), **variables}, time.monotonic)


def tool(major: int, *, encrypts: bool = True, embedded: bool = False, name: str = "pg_dump") -> ClientTool:
    return ClientTool(name, Path(f"/opt/{name}"), f"{major}.1", major, encrypts, embedded)


def examined(
    folder: Path, urls: Mapping[str, str], only: str | None = None, store: str = "", extra: str = ""
) -> dict[str, DoctorCheck]:
    return {check.id: check for check in examination(folder, urls, only, store, extra).checks}


def examination(
    folder: Path, urls: Mapping[str, str], only: str | None = None, store: str = "", extra: str = ""
) -> Examination:
    """Examine a checklist that takes each environment's address from a variable."""
    lines = [f"  {name}: {{database_url: '${{{name.upper()}_URL}}'{extra}}}\n" for name in urls]
    text = f"version: 1\ntitle: A checklist\nenvironments:\n{''.join(lines)}backup: {{store: '{store}'}}\n{PHASES}"
    path = folder / "checklist.yaml"
    path.write_text(text)
    variables = {f"{name.upper()}_URL": url for name, url in urls.items() if url}
    loaded = load_checklist(path, variables)
    return examine(Patient(loaded, only), machine(**variables))


def missing(url: str) -> str:
    """The same server, and a database that it does not have."""
    return psycopg.conninfo.make_conninfo(url, dbname="no_such_database")


@pytest.fixture
def reached(database_url: str) -> Reached:
    return reach(database_url, connect_timeout=5, monotonic=time.monotonic)


def checks_of(
    reached: Reached | PointsctlError, tools: list[ClientTool], name: str = "staging", **changes: object
) -> dict[str, DoctorCheck]:
    environment = Environment.model_validate({"database_url": "postgresql://h/d", **changes})
    found = environment_checks(Target(name, environment), reached, tools)
    return {check.id.removeprefix(f"environment.{name}."): check for check in found}


# --- one environment


def test_a_healthy_environment_is_ok_in_everything(tmp_path: Path, database_url: str, database: str) -> None:
    result = examination(tmp_path, {"staging": database_url}, store=tmp_path.as_uri())
    found = {check.id: check for check in result.checks if check.id.startswith("environment.")}
    assert {check.status for check in found.values()} == {Status.OK}
    assert set(found) == {
        f"environment.staging.{name}" for name in ("reachable", "identity", "role", "tls", "pg_dump", "protected")
    }
    assert f"/{database}, PostgreSQL 18." in found["environment.staging.reachable"].found
    assert found["environment.staging.reachable"].found.endswith(" ms a round trip")
    assert (result.verdict, result.exit_code) == ("ready", 0)


def test_the_shortest_round_trip_is_shown(database_url: str) -> None:
    ticks = iter([0.0, 0.009, 1.0, 1.002, 2.0, 2.005])
    assert reach(database_url, connect_timeout=5, monotonic=lambda: next(ticks)).latency_ms == pytest.approx(2.0)


def test_a_superuser_is_a_warning(tmp_path: Path, admin_url: str) -> None:
    assert examined(tmp_path, {"staging": admin_url})["environment.staging.role"].status is Status.WARNING


def test_a_role_that_does_not_see_every_row_fails(
    tmp_path: Path, server: Server, database: str, admin_url: str
) -> None:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE doctor_blind LOGIN")
    try:
        result = examination(tmp_path, {"staging": server.cluster.url(database, "doctor_blind")})
    finally:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("DROP ROLE doctor_blind")
    role = next(check for check in result.checks if check.id == "environment.staging.role")
    assert role.status is Status.FAILED
    assert "would miss rows" in role.found
    assert result.exit_code == 1


def test_a_server_that_hides_its_identity_is_a_warning(reached: Reached) -> None:
    hidden = replace(reached, identity=replace(reached.identity, system_identifier=None))
    assert checks_of(hidden, [tool(18)])["identity"].status is Status.WARNING


def test_a_read_replica_fails(reached: Reached) -> None:
    replica = replace(reached, identity=replace(reached.identity, in_recovery=True))
    assert checks_of(replica, [tool(18)])["replica"].status is Status.FAILED
    assert "replica" not in checks_of(reached, [tool(18)])


@pytest.mark.parametrize(
    ("encrypted", "local", "status"),
    [(False, False, Status.WARNING), (True, False, Status.OK), (False, True, Status.OK)],
)
def test_an_unencrypted_way_to_another_machine_is_a_warning(
    reached: Reached, encrypted: bool, local: bool, status: Status
) -> None:
    seen = replace(reached, encrypted=encrypted, local=local)
    assert checks_of(seen, [tool(18)])["tls"].status is status


def test_production_without_protection_is_a_warning(reached: Reached) -> None:
    assert checks_of(reached, [], "production")["protected"].status is Status.WARNING
    assert checks_of(reached, [], "production", protected=True)["protected"].status is Status.OK


def test_variables_that_are_empty_are_named(reached: Reached) -> None:
    found = checks_of(reached, [], variables={"COUPON_SECRET": "", "OTHER": "x"})["variables"]
    assert (found.status, found.found) == (Status.WARNING, "not set: COUPON_SECRET")
    assert checks_of(reached, [], variables={"OTHER": "x"})["variables"].status is Status.OK


@pytest.mark.parametrize(
    ("tools", "encrypted", "status"),
    [
        ([], False, Status.ERROR),
        ([tool(17)], False, Status.ERROR),
        ([tool(18)], False, Status.OK),
        ([tool(19)], True, Status.OK),
        ([tool(15), tool(18, encrypts=False, embedded=True)], False, Status.OK),
        ([tool(15), tool(18, encrypts=False, embedded=True)], True, Status.ERROR),
        ([tool(18, encrypts=False, embedded=True)], True, Status.ERROR),
        ([tool(18, name="psql")], False, Status.ERROR),
    ],
)
def test_a_dump_program_must_be_as_new_as_the_server_and_get_through(
    reached: Reached, tools: list[ClientTool], encrypted: bool, status: Status
) -> None:
    assert reached.identity.server_version // 10_000 == 18
    assert checks_of(replace(reached, encrypted=encrypted), tools)["pg_dump"].status is status


@contextlib.contextmanager
def pooler_before(url: str) -> Iterator[str]:
    """A way to the server on which, as behind a pooler, the announced process id is not the server's."""
    upstream = psycopg.conninfo.conninfo_to_dict(url)
    with open_directory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
        listener.listen()
        thread = threading.Thread(
            target=_serve, args=(listener, f"{upstream['host']}/.s.PGSQL.{upstream.get('port', 5432)}")
        )
        thread.start()
        yield psycopg.conninfo.make_conninfo(url, host=str(folder), port="5432")
        thread.join(timeout=20)


def _serve(listener: socket.socket, upstream: str) -> None:
    client, _ = listener.accept()
    with client, socket.socket(socket.AF_UNIX) as server:
        server.connect(upstream)
        sending = threading.Thread(target=_pump, args=(client, server), daemon=True)
        sending.start()
        announced = b"K\x00\x00\x00\x0c"
        while data := server.recv(65536):
            head, found, tail = data.partition(announced)
            client.sendall(head + found + (b"\x00\x00\x00\x07" + tail[4:] if found else b""))


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def test_a_pooler_in_between_is_noticed(database_url: str, reached: Reached) -> None:
    assert not reached.pooled
    with pooler_before(database_url) as url:
        seen = reach(url, connect_timeout=5, monotonic=time.monotonic)
    assert seen.pooled
    assert checks_of(seen, [tool(18)])["pooler"].status is Status.WARNING


# --- environments that cannot be looked at


def test_two_environments_on_one_database_fail_with_both_names(
    tmp_path: Path, server: Server, database_url: str, admin_url: str
) -> None:
    with server.database() as other:
        urls = {"staging": database_url, "testing": server.cluster.url(other), "production": admin_url}
        result = examination(tmp_path, urls)
    found = next(check for check in result.checks if check.id == "environments.distinct")
    assert (found.status, found.found) == (Status.FAILED, "one and the same database: staging and production")
    assert result.exit_code == 1


def test_two_databases_of_one_server_are_different(tmp_path: Path, server: Server, database_url: str) -> None:
    with server.database() as other:
        found = examined(tmp_path, {"staging": database_url, "production": server.cluster.url(other)})
    assert found["environments.distinct"].status is Status.OK


def test_what_could_not_be_compared_is_not_called_different(tmp_path: Path, database_url: str) -> None:
    found = examined(tmp_path, {"staging": database_url, "production": missing(database_url)})["environments.distinct"]
    assert (found.status, found.found) == (Status.WARNING, "not compared: production")


def test_a_physical_copy_is_not_taken_for_the_same_database(reached: Reached) -> None:
    elsewhere = replace(reached.identity, server_started_at=reached.identity.server_started_at.replace(year=2020))
    copy = replace(reached, identity=elsewhere)
    targets = [Target(name, Environment(database_url="x")) for name in ("staging", "production")]
    found = distinct_check(targets, {"staging": copy, "production": reached})
    assert found is not None
    assert (found.status, found.found) == (Status.WARNING, "physical copies of each other: staging and production")
    hidden = replace(reached, identity=replace(reached.identity, system_identifier=None))
    unknown = distinct_check(targets, {"staging": hidden, "production": hidden})
    assert unknown is not None
    assert unknown.status is Status.WARNING


def test_a_missing_database_is_an_error_with_the_next_action(tmp_path: Path, database_url: str) -> None:
    result = examination(tmp_path, {"staging": missing(database_url)})
    found = next(check for check in result.checks if check.id == "environment.staging.reachable")
    assert found.status is Status.ERROR
    assert "does not exist" in found.found
    assert found.fix
    assert (result.verdict, result.exit_code) == ("unknown", 4)


def test_environments_are_looked_at_at_the_same_time(tmp_path: Path) -> None:
    # The server hangs up only after all three have called, so one after the other would end in a time-out instead.
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            callers = [listener.accept()[0] for _ in range(3)]
            for caller in callers:
                caller.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        url = f"postgresql://me@127.0.0.1:{listener.getsockname()[1]}/d?sslmode=disable&connect_timeout=600"
        names = ("one", "two", "three")
        looks = look_at([Target(name, Environment(database_url=url)) for name in names], time.monotonic)
        thread.join(timeout=20)
    for name in names:
        seen = looks[name]
        assert isinstance(seen, PointsctlError)
        assert "closed the connection" in seen.message


def test_an_unset_variable_matters_when_its_environment_is_asked_for(tmp_path: Path, database_url: str) -> None:
    urls = {"staging": "", "production": database_url}
    assert examined(tmp_path, urls)["environment.staging.variables"].status is Status.WARNING
    assert examined(tmp_path, urls, "staging")["environment.staging.variables"].status is Status.ERROR
    assert "STAGING_URL is not set" in examined(tmp_path, urls)["environment.staging.variables"].found


def test_no_environment_at_all_is_an_error(tmp_path: Path) -> None:
    result = examination(tmp_path, {"staging": ""})
    assert next(check for check in result.checks if check.id == "environments").status is Status.ERROR
    assert result.exit_code == 4


def test_one_environment_leaves_the_others_alone(tmp_path: Path, database_url: str) -> None:
    found = examined(tmp_path, {"staging": missing(database_url), "production": database_url}, "production")
    assert not any("staging" in name for name in found)
    with pytest.raises(UsageError, match="no environment 'productoin'"):
        examined(tmp_path, {"production": database_url}, "productoin")


def test_no_password_is_in_the_document(tmp_path: Path, database_url: str) -> None:
    password = "hunter22 & co/@"
    quoted = quote(password, safe="")
    urls = {
        "staging": f"postgresql://me:{quoted}@127.0.0.1:1/d",
        "production": f"{missing(database_url)} password='{password}'",
    }
    text = json.dumps(dict(examination(tmp_path, urls, store="ftp://me:hunter22@host/x").as_json()))
    assert "127.0.0.1:1" in text
    assert not any(form in text for form in (password, quoted, "hunter22"))


# --- the verdict


def check(status: Status) -> DoctorCheck:
    return DoctorCheck("x", status, "")


@pytest.mark.parametrize(
    ("statuses", "usable", "code"),
    [
        ([Status.OK, Status.WARNING, Status.MISSING], True, 0),
        ([Status.OK, Status.FAILED], True, 1),
        ([Status.OK, Status.FAILED, Status.ERROR], True, 4),
        ([], True, 4),
        ([Status.WARNING, Status.MISSING], True, 4),
        ([Status.OK, Status.ERROR], False, 2),
    ],
)
def test_the_verdict_is_closed_by_default(statuses: list[Status], usable: bool, code: int) -> None:
    assert Examination(tuple(map(check, statuses)), usable).exit_code == code
