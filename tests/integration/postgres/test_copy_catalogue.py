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
