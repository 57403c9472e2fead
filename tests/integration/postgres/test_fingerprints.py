"""Fingerprints on real servers: a restored copy is equal, whatever its settings; every change of a row is seen and named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsctl.model.configuration import LeftOut
from pointsctl.model.fingerprint import Fingerprints, compare
from pointsctl.model.progress import NoProgress
from pointsctl.model.proof import Differs
from pointsctl.postgres import administration, row_hash
from pointsctl.postgres.cluster import PrivateCluster
from pointsctl.postgres.connection import connect
from pointsctl.postgres.fingerprints import take_fingerprints
from pointsctl.postgres.row_hash import Column, Table, pieces
from pointsctl.postgres.snapshot import held_snapshot
from pointsctl.postgres.survey import survey_source
from tests.support.audits import execute, value
from tests.support.fingerprints import copy_database, of_copy, of_source
from tests.support.other_servers import MAJORS, binaries_of, server_of
from tests.support.servers import open_directory
from tests.support.world import Switch

TYPES = """
CREATE SCHEMA "odd ""schema"; CREATE SCHEMA empty;
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS numeric CHECK (value > 0);
CREATE DOMAIN moods AS mood;
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE zoo (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gone int,
    b bool, c "char", i2 smallint, i4 int, i8 bigint, n numeric, f4 real, f8 double precision, m money,
    t text, v varchar(20), bp char(8), na name, bl text COLLATE blind,
    by bytea, u uuid, d date, ti time, tz timetz, ts timestamp, tsz timestamptz, iv interval,
    j json, jb jsonb, x xml, a int[], ta text[], ma mood[], e mood, co pair, dom positive, dm moods,
    r int4range, mr int4multirange, rc regclass, o oid, ip inet, bits bit varying, p point, ts1 tsvector, ln pg_lsn,
    doubled bigint GENERATED ALWAYS AS (i8 * 2) STORED
);
ALTER TABLE zoo DROP COLUMN gone;
INSERT INTO zoo (b, c, i2, i4, i8, n, f4, f8, m, t, v, bp, na, bl, by, u, d, ti, tz, ts, tsz, iv, j, jb, x, a, ta, ma, e, co, dom, dm,
    r, mr, rc, o, ip, bits, p, ts1, ln)
VALUES (true, 'x', 1, 2, 3, 1.50, 0.1, '-0', 12.5, 'Ünï', 'v', 'pad', 'na', 'Same', '\\x00ff', '00000000-0000-4000-8000-000000000001',
    '2026-01-31', '12:00', '12:00+02', '2026-01-31 12:00', '2026-01-31 12:00+00', '1 mon 2 days 3 sec', '{"a" : 1}', '{"a": 1}',
    '<a/>', '{1,2}', '{a,NULL}', '{low}', 'high', '(1,"x,y")', 2.0, 'low', '[1,5)', '{[1,2),[4,5)}', 'zoo', 1, '10.0.0.1', B'101', '(1,2)',
    'a b', '0/1');
INSERT INTO zoo (t) VALUES (''), (NULL);
CREATE TABLE "odd ""schema"."Odd, table" ("Odd ""column" text, "user" int);
INSERT INTO "odd ""schema"."Odd, table" VALUES ('a', 1), ('b', 2), ('b', 2);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE UNLOGGED TABLE loose (id int); INSERT INTO loose SELECT generate_series(1, 20000);
CREATE TABLE parent (id int, t text); CREATE TABLE child (extra int) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 3);
CREATE TABLE parts (id bigserial, kind mood) PARTITION BY LIST (kind);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES IN ('low');
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
INSERT INTO parts (kind) VALUES ('low'), ('high'), ('high');
CREATE TABLE scatter (kind mood, n int) PARTITION BY HASH (kind);
CREATE TABLE scatter_0 PARTITION OF scatter FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE scatter_1 PARTITION OF scatter FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO scatter SELECT (ARRAY['low', 'high']::mood[])[1 + n % 2], n FROM generate_series(1, 10) n;
CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS n FROM loose;
CREATE MATERIALIZED VIEW unseen AS SELECT 1 AS n WITH NO DATA;
INSERT INTO loose VALUES (0);
CREATE SEQUENCE falling INCREMENT -2 MAXVALUE 100 START 100; SELECT nextval('falling');
CREATE SEQUENCE turning MAXVALUE 3 CYCLE; CREATE SEQUENCE steps;
SELECT lo_from_bytea(4711, decode(repeat('ab', 3000000), 'hex')); SELECT lo_from_bytea(4712, '');
GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;
"""


@pytest.fixture(scope="module", params=MAJORS)
def cluster(request: pytest.FixtureRequest) -> Iterator[PrivateCluster]:
    with server_of(request.param) as running:
        running_url = running.url("postgres")
        administration.create_database(running_url, "zoo", template="template0")
        execute(running.url("zoo"), *_statements(running.url("zoo")))
        yield running


def _statements(url: str) -> list[str]:
    # The wheels' servers know neither ICU nor XML; what they do not know, they cannot hash wrongly.
    text = TYPES
    built = value(url, "SELECT setting FROM pg_config WHERE name = 'CONFIGURE'")
    if "with-icu" not in built:
        text = text.replace(
            "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);", ""
        )
        text = text.replace("COLLATE blind", "")
    if "with-libxml" not in built:
        text = text.replace("x xml", "x text")
    return [text]


@pytest.fixture(scope="module")
def source(cluster: PrivateCluster) -> Fingerprints:
    return of_source(cluster.url("zoo"))


@pytest.fixture(scope="module")
def restored(cluster: PrivateCluster) -> str:
    """The name of a database restored from a dump, on a server whose defaults are other ones."""
    major = value(cluster.url("zoo"), "SELECT current_setting('server_version_num')::int / 10000")
    administration.create_database(cluster.url("postgres"), "copy", template="template0")
    with open_directory() as directory:
        copy_database(binaries_of(major), cluster.url("zoo"), cluster.url("copy"), Path(directory) / "zoo.dump")
    settings = [
        "TimeZone = 'Asia/Tokyo'",
        "DateStyle = 'German'",
        "IntervalStyle = 'iso_8601'",
        "bytea_output = 'escape'",
        "extra_float_digits = '-3'",
        "search_path = 'empty'",
        "quote_all_identifiers = 'on'",
    ]
    execute(cluster.url("postgres"), *(f"ALTER DATABASE copy SET {one}" for one in settings))
    return "copy"


@pytest.fixture
def copy(cluster: PrivateCluster, restored: str) -> Iterator[str]:
    """The URL of a copy that the test may damage."""
    administration.create_database(cluster.url("postgres"), "damaged", template=restored)
    yield cluster.url("damaged")
    administration.drop_database(cluster.url("postgres"), "damaged")


def test_a_restored_copy_is_equal_under_other_settings(
    cluster: PrivateCluster, source: Fingerprints, restored: str
) -> None:
    found = of_copy(cluster.url(restored))
    assert compare(source, found) == ()
    assert found.tables == source.tables
    assert {one.shown: one.rows for one in source.tables} == {
        "public.zoo": 3,
        '"odd ""schema"."Odd, table"': 3,
        "public.nothing": 1,
        "public.loose": 20001,
        "public.parent": 1,
        "public.child": 1,
        "public.parts_low": 1,
        "public.parts_rest": 2,
        "public.scatter": 10,
    }
    assert source.large_objects.count == 2
    assert source.large_objects.bytes == 3_000_000
    assert source.left_out == tuple(
        f"rows of the materialized view public.{name}, which a restore computes anew" for name in ("seen", "unseen")
    )
    assert [(one.shown, one.populated) for one in source.materialized_views] == [
        ("public.seen", True),
        ("public.unseen", False),
    ]


VALUES = [
    ("text", "''", "NULL"),
    ("text", "'a'", "'a '"),
    ("text", "U&'\\00e9'", "U&'e\\0301'"),
    ("char(8)", "'pad'", "'Pad'"),
    ("numeric", "1.50", "1.5"),
    ("positive", "2.0", "2"),
    ("float8", "'-0'", "0"),
    ("float4", "0.1", "0.10000001"),
    ("bigint", "3", "3::bigint << 32"),
    ("bigint", "-1", "0"),
    ("timestamp", "'2026-01-31'", "'2026-01-31'::timestamp + interval '4294.967296 sec' - interval '0.000001 sec'"),
    ("timestamptz", "'2026-01-31 12:00+00'", "'2026-01-31 12:00+01'"),
    ("interval", "'1 mon 2 days 3 sec'", "'32 days 3 sec'"),
    ("timetz", "'12:00+02'", "'11:00+01'"),
    ("mood", "'high'", "'low'"),
    ("moods", "'high'", "'low'"),
    ("mood[]", "'{low}'", "'[2:2]={low}'"),
    ("text[]", "'{a,NULL}'", "'{a,\"NULL\"}'"),
    ("pair", "'(1,)'", "'(1,\"\")'"),
    ("json", """'{"a" : 1}'""", """'{"a": 1}'"""),
    ("jsonb", """'{"a": 1}'""", """'{"a": 1.0}'"""),
    ("bit varying", "B'101'", "B'1010'"),
    ("bytea", "'\\x00'", "'\\x0000'"),
    ("int4range", "'[1,5)'", "'[1,6)'"),
    ("inet", "'10.0.0.1'", "'10.0.0.1/31'"),
    ("regclass", "'zoo'", "'loose'"),
    ("money", "12.5", "12.51"),
]


def test_every_change_of_a_value_is_seen(cluster: PrivateCluster, source: Fingerprints) -> None:
    """Among them values that are equal to the type's own `=` or share its hash."""
    url = cluster.url("zoo")
    execute(url, "CREATE SCHEMA cases")
    try:
        for number, (type_, before, _) in enumerate(VALUES):
            execute(url, f"CREATE TABLE cases.c{number} (v {type_})", f"INSERT INTO cases.c{number} VALUES ({before})")
        first = of_copy(url)
        execute(url, *(f"UPDATE cases.c{number} SET v = {after}" for number, (_, _, after) in enumerate(VALUES)))
        found = compare(first, of_copy(url))
    finally:
        execute(url, "DROP SCHEMA cases CASCADE")
    assert {one.differs for one in found} == {Differs.CONTENT}
    assert {one.what for one in found} == {f"table cases.c{number}" for number in range(len(VALUES))}


@pytest.mark.parametrize("cluster", [15], indirect=True)
def test_letters_that_a_collation_takes_for_equal_are_not(
    cluster: PrivateCluster, copy: str, source: Fingerprints
) -> None:
    execute(copy, "UPDATE zoo SET bl = 'same' WHERE bl = 'SAME'")
    assert [(one.differs, one.what) for one in compare(source, of_copy(copy))] == [
        (Differs.CONTENT, "table public.zoo")
    ]


@pytest.mark.parametrize("cluster", [15], indirect=True)
def test_letters_that_a_collation_takes_for_equal_are_not_in_a_type_of_an_extension(cluster: PrivateCluster) -> None:
    url = cluster.url("zoo")
    execute(
        url, "CREATE EXTENSION citext", "CREATE TABLE words (v citext COLLATE blind)", "INSERT INTO words VALUES ('a')"
    )
    try:
        before = of_copy(url)
        execute(url, "UPDATE words SET v = 'A'")
        found = compare(before, of_copy(url))
    finally:
        execute(url, "DROP TABLE words", "DROP EXTENSION citext")
    assert [(one.differs, one.what) for one in found] == [(Differs.CONTENT, "table public.words")]


ODD = 'table "odd ""schema"."Odd, table"'
DAMAGE = [
    ("DELETE FROM zoo WHERE t = ''", Differs.ROWS, "table public.zoo"),
    # One row twice, another one gone.
    (
        'UPDATE "odd ""schema"."Odd, table" SET "user" = 1, "Odd ""column" = \'a\' WHERE ctid = \'(0,3)\'',
        Differs.CONTENT,
        ODD,
    ),
    ("DELETE FROM nothing", Differs.ROWS, "table public.nothing"),
    ("UPDATE loose SET id = -1 WHERE id = 77", Differs.CONTENT, "table public.loose"),
    ("DROP TABLE child", Differs.MISSING, "table public.child"),
    ("CREATE TABLE more ()", Differs.EXTRA, "table public.more"),
    ("UPDATE scatter SET n = 0 WHERE n = 1", Differs.CONTENT, "table public.scatter"),
    ("SELECT setval('zoo_id_seq', 3, false)", Differs.BEHIND, "sequence public.zoo_id_seq"),
    ("SELECT setval('parts_id_seq', 2)", Differs.BEHIND, "sequence public.parts_id_seq"),
    ("SELECT setval('falling', 100, false)", Differs.BEHIND, "sequence public.falling"),
    ("ALTER SEQUENCE steps INCREMENT 7", Differs.CHANGED, "sequence public.steps"),
    ("DROP SEQUENCE turning", Differs.MISSING, "sequence public.turning"),
    ("REFRESH MATERIALIZED VIEW unseen", Differs.CHANGED, "materialized view public.unseen"),
    ("SELECT lo_put(4711, 2999999, '\\x00')", Differs.CONTENT, "large objects"),
]


def test_damage_in_many_places_is_all_named(source: Fingerprints, copy: str) -> None:
    execute(copy, *(f"SET search_path = public; {statement}" for statement, _, _ in DAMAGE))
    found = {one.what: one.differs for one in compare(source, of_copy(copy))}
    assert found == {what: differs for _, differs, what in DAMAGE}


def test_large_objects_that_are_gone_or_open_to_others_are_named(source: Fingerprints, copy: str) -> None:
    execute(copy, "REVOKE SELECT ON LARGE OBJECT 4711 FROM PUBLIC")
    assert [one.what for one in compare(source, of_copy(copy))] == ["owners and privileges of large objects"]
    execute(copy, "SELECT lo_unlink(4712)")
    assert [(one.what, one.expected, one.found) for one in compare(source, of_copy(copy))] == [
        ("large objects", "2", "1")
    ]


def test_swapped_values_are_seen_wherever_they_are(empty_database_url: str) -> None:
    """A sum of what `hash_record_extended` gives stays the same in about half of these cases."""
    execute(
        empty_database_url, "CREATE TABLE t (a int, b int)", "INSERT INTO t SELECT n, n FROM generate_series(1, 60) n"
    )
    before = of_copy(empty_database_url)
    for row in range(1, 60, 2):
        swap = f"UPDATE t SET b = {2 * row + 1} - b WHERE a IN ({row}, {row + 1})"
        execute(empty_database_url, swap)
        after = of_copy(empty_database_url)
        assert [one.differs for one in compare(before, after)] == [Differs.CONTENT]
        before = after


def test_what_is_swapped_within_or_between_large_objects_is_seen(empty_database_url: str) -> None:
    """Their number, bytes, contents and privileges are the same as before, taken together."""
    url = empty_database_url
    execute(
        url,
        "SELECT lo_from_bytea(n, convert_to(repeat(n::text, 3), 'UTF8')) FROM generate_series(101, 108) n",
        "SELECT lo_from_bytea(200, decode(repeat('00', 1048576) || repeat('11', 1048576), 'hex'))",
        "GRANT SELECT ON LARGE OBJECT 101 TO anon; GRANT SELECT ON LARGE OBJECT 102 TO authenticated",
    )
    before = of_copy(url)
    put = "SELECT lo_put({}, 0, convert_to(repeat('{}', 3), 'UTF8'))"
    for one, other in ((101, 102), (103, 104), (105, 108), (106, 107)):
        execute(url, put.format(one, other), put.format(other, one))
        after = of_copy(url)
        assert [found.differs for found in compare(before, after)] == [Differs.CONTENT]
        before = after
    execute(url, "SELECT lo_put(200, 0, decode(repeat('11', 1048576) || repeat('00', 1048576), 'hex'))")
    after = of_copy(url)
    assert [found.differs for found in compare(before, after)] == [Differs.CONTENT]
    execute(
        url,
        "REVOKE SELECT ON LARGE OBJECT 101 FROM anon; REVOKE SELECT ON LARGE OBJECT 102 FROM authenticated",
        "GRANT SELECT ON LARGE OBJECT 102 TO anon; GRANT SELECT ON LARGE OBJECT 101 TO authenticated",
    )
    assert [found.what for found in compare(after, of_copy(url))] == ["owners and privileges of large objects"]


def test_a_sequence_that_was_behind_its_data_already_is_no_difference(empty_database_url: str) -> None:
    execute(empty_database_url, "CREATE TABLE t (id serial)", "INSERT INTO t VALUES (1), (50)")
    found = of_source(empty_database_url)
    assert [(one.last_value, one.data_end, one.used_again) for one in found.sequences] == [(1, 50, True)]
    assert compare(found, of_copy(empty_database_url)) == ()


def test_large_tables_are_read_in_pieces_that_add_up(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(empty_database_url, "CREATE TABLE t (id serial, x text)")
    execute(empty_database_url, "INSERT INTO t (x) SELECT repeat('x', 100) FROM generate_series(1, 20000)")
    whole = of_copy(empty_database_url)
    monkeypatch.setattr(row_hash, "PIECE_PAGES", 7)
    assert of_copy(empty_database_url) == whole
    cut = pieces(Table("public", "t", (Column("x", ""),), pages=20))
    assert [(one.start, one.until) for one in cut] == [(0, 7), (7, 14), (14, None)]
    assert sum(one.share for one in cut) == pytest.approx(1)


def test_rows_of_an_extensions_configuration_are_compared_under_its_condition(
    cluster: PrivateCluster, source: Fingerprints
) -> None:
    url = cluster.url("zoo")
    # What CREATE EXTENSION does, without an extension that every one of the servers has.
    execute(
        url,
        "CREATE TABLE config (name text, own bool)",
        "INSERT INTO config VALUES ('theirs', false), ('ours', true)",
        "UPDATE pg_extension SET extconfig = ARRAY['config'::regclass::oid], extcondition = ARRAY['WHERE own'] WHERE extname = 'plpgsql'",
        "INSERT INTO pg_depend VALUES ('pg_class'::regclass, 'config'::regclass, 0, 'pg_extension'::regclass,"
        " (SELECT oid FROM pg_extension WHERE extname = 'plpgsql'), 0, 'e')",
    )
    try:
        tables = {one.shown: one.rows for one in of_source(url).tables}
        without = {one.shown for one in of_source(url, LeftOut(extensions=("plpgsql",))).tables}
    finally:
        execute(
            url,
            "DELETE FROM pg_depend WHERE objid = 'config'::regclass AND deptype = 'e'",
            "UPDATE pg_extension SET extconfig = NULL, extcondition = NULL",
            "DROP TABLE config",
        )
    assert tables["public.config"] == 1
    assert "public.config" not in without
    assert {one.shown for one in source.tables} == without


def test_rows_in_a_table_of_an_extension_are_named_as_left_out(cluster: PrivateCluster) -> None:
    """pg_dump takes such a table for the extension's own, whatever people have put into it."""
    url = cluster.url("zoo")
    execute(
        url,
        "CREATE TABLE jobs (name text); CREATE TABLE unused (name text)",
        "INSERT INTO jobs VALUES ('ours')",
        "ALTER EXTENSION plpgsql ADD TABLE jobs; ALTER EXTENSION plpgsql ADD TABLE unused",
    )
    try:
        named = [line for line in of_source(url).left_out if "extension" in line]
        configured = "UPDATE pg_extension SET extconfig = ARRAY['jobs'::regclass::oid], extcondition = ARRAY[''] WHERE extname = 'plpgsql'"
        execute(url, configured)
        then = [line for line in of_source(url).left_out if "extension" in line]
    finally:
        execute(
            url,
            "UPDATE pg_extension SET extconfig = NULL, extcondition = NULL",
            "ALTER EXTENSION plpgsql DROP TABLE jobs; ALTER EXTENSION plpgsql DROP TABLE unused; DROP TABLE jobs, unused",
        )
    assert named == ["rows of the table public.jobs, which belongs to the extension plpgsql"]
    assert then == []


def test_what_is_left_out_is_named(database_url: str, admin_url: str) -> None:
    execute(
        admin_url,
        "CREATE FOREIGN DATA WRAPPER w",
        "CREATE SERVER s FOREIGN DATA WRAPPER w",
        "CREATE FOREIGN TABLE public.far (a int) SERVER s",
        "CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere.example.test' PUBLICATION p WITH (connect = false)",
    )
    try:
        found = of_source(database_url, LeftOut(schemas=("auth",)))
        assert "rows of the foreign table public.far" in found.left_out
        assert "subscription sub, which only a superuser may dump" in found.left_out
        assert any(line.startswith("schema auth with ") for line in found.left_out)
        assert not any(one.in_schema == "auth" for one in found.tables)
    finally:
        execute(admin_url, "ALTER SUBSCRIPTION sub SET (slot_name = NONE)", "DROP SUBSCRIPTION sub")


def test_writers_at_full_speed_change_nothing(database_url: str) -> None:
    """Fingerprints of one snapshot, taken twice while others write all the time, are the same."""
    stop = threading.Event()
    execute(database_url, "CREATE TABLE public.busy (id bigserial PRIMARY KEY, x int)")
    execute(database_url, "INSERT INTO public.busy (x) SELECT 0 FROM generate_series(1, 20000)")

    def write() -> None:
        with connect(database_url) as connection:
            while not stop.is_set():
                connection.execute("INSERT INTO public.busy (x) SELECT 1 FROM generate_series(1, 100)")
                connection.execute("UPDATE public.busy SET x = x + 1 WHERE id % 97 = 0")
                connection.execute("DELETE FROM public.busy WHERE id % 101 = 0")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with held_snapshot(database_url, Switch()) as snapshot:
            survey = survey_source(snapshot, LeftOut(), Switch())
            first, second = (take_fingerprints(snapshot, survey, 2, Switch(), NoProgress()) for _ in range(2))
    finally:
        stop.set()
        writer.join()
    assert first == second
    assert compare(first, second) == ()
    assert compare(first, of_copy(database_url)) != ()
