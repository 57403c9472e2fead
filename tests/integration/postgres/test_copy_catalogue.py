"""A copy whose definitions were changed: every change is named, and what only has other words is none."""

from __future__ import annotations

from pathlib import Path

import psycopg

from pointsctl.model.progress import NoProgress
from pointsctl.model.proof import Difference, Differs
from tests.support.backups import engine, limit, scratch_beside, source_of

_SOURCE = """
CREATE TYPE public.mood AS ENUM ('good', 'bad');
CREATE DOMAIN public.code AS text CHECK (VALUE <> '');
CREATE TABLE public.goods (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(40) NOT NULL DEFAULT 'none' CHECK (name IN ('none', 'some', 'all')),
    price numeric DEFAULT 1.50,
    mood public.mood
);
CREATE TABLE public.parts (goods integer REFERENCES public.goods, n integer UNIQUE, CONSTRAINT small CHECK (n < 10));
CREATE TABLE public."a b" (i integer);
CREATE INDEX goods_name ON public.goods (name) WHERE name IN ('none', 'some');
CREATE VIEW public.cheap AS SELECT id FROM public.goods WHERE price < 5 AND name IN ('some', 'all');
CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) AS n FROM public.goods;
CREATE FUNCTION public.twice(i integer) RETURNS integer LANGUAGE sql AS 'SELECT 2 * i';
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON public.goods FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE TRIGGER kept BEFORE UPDATE ON public.parts FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE RULE quiet AS ON DELETE TO public."a b" DO INSTEAD NOTHING;
ALTER TABLE public.goods ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.goods FORCE ROW LEVEL SECURITY;
ALTER TABLE public.parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON public.goods FOR SELECT TO anon USING (name IN ('some', 'all'));
CREATE POLICY "of b" ON public."a b" USING (true);
GRANT SELECT, INSERT ON public.goods TO anon;
GRANT UPDATE (name) ON public.goods TO authenticated;
ALTER TABLE public.parts OWNER TO service_role;
CREATE SEQUENCE public.steps INCREMENT 5;
COMMENT ON TABLE public.goods IS 'line one
-- Name: parts; Type: TABLE; Schema: public; Owner: postgres';
COMMENT ON COLUMN public.goods.name IS 'a name';
CREATE PUBLICATION everything FOR TABLE public.goods;
CREATE STATISTICS public.together ON id, price FROM public.goods;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO anon;
CREATE TABLE public.one (a integer, b text);
CREATE TABLE public.two (a integer GENERATED ALWAYS AS IDENTITY, g integer GENERATED ALWAYS AS (1 + 1) STORED);
CREATE TABLE public.three (a integer) PARTITION BY RANGE (a);
CREATE TABLE public.three_1 PARTITION OF public.three FOR VALUES FROM (0) TO (10);
CREATE TABLE public.four (a integer PRIMARY KEY, b text);
CREATE TABLE public.five (a integer CONSTRAINT to_four REFERENCES public.four ON DELETE CASCADE);
CREATE INDEX plain ON public.four (b);
CREATE INDEX broken ON public.four (b);
CREATE POLICY narrow ON public.one AS RESTRICTIVE TO anon USING (b <> '') WITH CHECK (b <> 'b');
CREATE VIEW public.as_caller WITH (security_invoker = true) AS SELECT a FROM public.four;
CREATE FUNCTION public.safe() RETURNS integer LANGUAGE sql STABLE SET search_path = '' AS 'SELECT 1';
CREATE FUNCTION public.hidden() RETURNS integer LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION public.hidden() FROM PUBLIC;
CREATE FUNCTION public.told() RETURNS text LANGUAGE sql AS $$SELECT '
--
-- Name: one; Type: TABLE; Schema: public; Owner: postgres
--
ALTER TABLE ONLY public.one FORCE ROW LEVEL SECURITY;
'$$;
CREATE FUNCTION public.seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watched ON ddl_command_end EXECUTE FUNCTION public.seen();
CREATE SCHEMA apart;
GRANT USAGE ON SCHEMA apart TO anon;
CREATE TYPE public.pair AS (a integer);
CREATE FOREIGN DATA WRAPPER far;
CREATE SERVER there FOREIGN DATA WRAPPER far OPTIONS (host 'one');
"""

# What is done to the copy, and the names of what differs then.
_CHANGES: dict[str, tuple[Differs, str]] = {
    "ALTER TYPE public.mood ADD VALUE 'worse'": (Differs.CHANGED, "type public.mood"),
    "ALTER TABLE public.goods ALTER price SET DEFAULT 2.50": (Differs.CHANGED, "column price of public.goods"),
    "ALTER TABLE public.goods ALTER name DROP NOT NULL": (Differs.CHANGED, "column name of public.goods"),
    "ALTER TABLE public.parts DROP CONSTRAINT small": (Differs.MISSING, "constraint small on public.parts"),
    "ALTER TABLE public.parts ADD extra integer": (Differs.EXTRA, "column extra of public.parts"),
    "ALTER TABLE public.parts DROP CONSTRAINT parts_n_key": (Differs.MISSING, "constraint parts_n_key on public.parts"),
    "ALTER TABLE public.parts DROP CONSTRAINT parts_goods_fkey": (
        Differs.MISSING,
        "foreign key parts_goods_fkey on public.parts",
    ),
    "DROP INDEX public.goods_name": (Differs.MISSING, "index public.goods_name"),
    "CREATE OR REPLACE VIEW public.cheap AS SELECT id FROM public.goods WHERE price < 6 AND name IN ('some', 'all')": (
        Differs.CHANGED,
        "view public.cheap",
    ),
    "CREATE OR REPLACE FUNCTION public.twice(i integer) RETURNS integer LANGUAGE sql AS 'SELECT 3 * i'": (
        Differs.CHANGED,
        "function public.twice(integer)",
    ),
    "DROP TRIGGER touched ON public.goods": (Differs.MISSING, "trigger touched on public.goods"),
    "ALTER TABLE public.parts DISABLE TRIGGER kept": (Differs.CHANGED, "trigger kept on public.parts"),
    'DROP RULE quiet ON public."a b"': (Differs.MISSING, 'rule quiet on public."a b"'),
    "ALTER TABLE public.goods NO FORCE ROW LEVEL SECURITY": (
        Differs.MISSING,
        "forced row security of public.goods",
    ),
    "ALTER TABLE public.parts DISABLE ROW LEVEL SECURITY": (Differs.MISSING, "row security of public.parts"),
    "ALTER POLICY own_rows ON public.goods USING (name IN ('some', 'none'))": (
        Differs.CHANGED,
        "policy own_rows on public.goods",
    ),
    'DROP POLICY "of b" ON public."a b"': (Differs.MISSING, 'policy of b on public."a b"'),
    "REVOKE INSERT ON public.goods FROM anon": (Differs.CHANGED, "grants on table public.goods"),
    "REVOKE UPDATE (name) ON public.goods FROM authenticated": (
        Differs.MISSING,
        "grants on column public.goods.name",
    ),
    "ALTER TABLE public.parts OWNER TO authenticated": (Differs.CHANGED, "owner of table public.parts"),
    "ALTER SEQUENCE public.steps INCREMENT 7": (Differs.CHANGED, "sequence public.steps"),
    "COMMENT ON TABLE public.goods IS NULL": (Differs.MISSING, "comment on table public.goods"),
    "COMMENT ON COLUMN public.goods.name IS 'another'": (Differs.CHANGED, "comment on column public.goods.name"),
    "ALTER PUBLICATION everything DROP TABLE public.goods": (
        Differs.MISSING,
        "table public.goods of publication everything",
    ),
    "DROP STATISTICS public.together": (Differs.MISSING, "statistics public.together"),
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO anon": (
        Differs.CHANGED,
        "default privileges of supabase_admin for tables in public",
    ),
    "ALTER DOMAIN public.code SET NOT NULL": (Differs.CHANGED, "domain public.code"),
    "ALTER TABLE public.one DROP a; ALTER TABLE public.one ADD a integer": (Differs.CHANGED, "table public.one"),
    "ALTER TABLE public.two ALTER a SET GENERATED BY DEFAULT": (Differs.CHANGED, "sequence public.two_a_seq"),
    "ALTER TABLE public.two ALTER g SET EXPRESSION AS (1 + 2)": (Differs.CHANGED, "column g of public.two"),
    "ALTER TABLE public.three DETACH PARTITION public.three_1;"
    " ALTER TABLE public.three ATTACH PARTITION public.three_1 FOR VALUES FROM (0) TO (11)": (
        Differs.CHANGED,
        "attachment of partition public.three_1",
    ),
    "ALTER TABLE public.five DROP CONSTRAINT to_four;"
    " ALTER TABLE public.five ADD CONSTRAINT to_four FOREIGN KEY (a) REFERENCES public.four NOT VALID": (
        Differs.CHANGED,
        "foreign key to_four on public.five",
    ),
    "DROP INDEX public.plain; CREATE INDEX plain ON public.four (b text_pattern_ops)": (
        Differs.CHANGED,
        "index public.plain",
    ),
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.broken'::regclass": (
        Differs.MISSING,
        "index public.broken",
    ),
    "ALTER POLICY narrow ON public.one TO authenticated": (Differs.CHANGED, "policy narrow on public.one"),
    "ALTER VIEW public.as_caller RESET (security_invoker)": (Differs.CHANGED, "view public.as_caller"),
    "ALTER FUNCTION public.safe() RESET search_path": (Differs.CHANGED, "function public.safe()"),
    "GRANT EXECUTE ON FUNCTION public.hidden() TO PUBLIC": (Differs.MISSING, "grants on function public.hidden()"),
    "CREATE OR REPLACE FUNCTION public.told() RETURNS text LANGUAGE sql AS $$SELECT ''$$": (
        Differs.CHANGED,
        "function public.told()",
    ),
    "ALTER EVENT TRIGGER watched DISABLE": (Differs.CHANGED, "event trigger watched"),
    "REVOKE USAGE ON SCHEMA apart FROM anon": (Differs.MISSING, "grants on schema apart"),
    "ALTER TYPE public.pair ADD ATTRIBUTE b integer": (Differs.CHANGED, "type public.pair"),
    "ALTER SERVER there OPTIONS (SET host 'two')": (Differs.CHANGED, "server there"),
    "CREATE TABLE public.foreign_body (i integer)": (Differs.EXTRA, "table public.foreign_body"),
}


def _differences(url: str, folder: Path, *changes: str) -> tuple[Difference, ...]:
    """What is found in a copy of a backup of the database after these changes of the copy."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SOURCE)
    taking = engine()
    taken = taking.take(source_of(url), folder, limit(), NoProgress())
    with scratch_beside(url) as scratch:
        copy = taking.restore(taken.contents, folder, scratch, limit(), NoProgress())
        with psycopg.connect(copy.url, autocommit=True) as connection:
            for change in changes:
                connection.execute(change.encode())
        return taking.prove(taken.contents, copy, scratch, limit(), NoProgress()).differences


def test_other_words_for_the_same_definition_are_no_difference(admin_url: str, tmp_path: Path) -> None:
    assert _differences(admin_url, tmp_path) == ()


def test_every_change_of_a_definition_is_named(admin_url: str, tmp_path: Path) -> None:
    found = {(one.differs, one.what) for one in _differences(admin_url, tmp_path, *_CHANGES)}
    extra_of_the_new_table = {(Differs.EXTRA, "grants on table public.foreign_body")}
    sequence = {(Differs.CHANGED, "sequence public.steps")}
    assert set(_CHANGES.values()) <= found
    assert found - set(_CHANGES.values()) <= extra_of_the_new_table | sequence
