"""For each rule of the linter's own: statements that it must find, and statements like them that it must not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pointsctl.model.lint import Role
from pointsctl.model.table_facts import Limits, TableFacts, Tables


@dataclass(frozen=True)
class Examples:
    """`bad` is found by the rule, `good` is not; `role` is what the file is for."""

    bad: tuple[str, ...]
    good: tuple[str, ...]
    role: Role = Role.MIGRATION


TABLES = Tables(
    (
        TableFacts("public", "big", 5_000_000, 900_000_000, 1_200_000_000, frozenset({"proven"})),
        TableFacts("other", "small", 10, 8192, 16384),
        TableFacts("public", "small", 10, 8192, 16384),
        TableFacts("public", "unseen", None, 40_000_000, 60_000_000),
        TableFacts("public", "tiny", None, 8192, 16384),
    ),
    Limits(100_000, 100 * 1024 * 1024),
)

EXAMPLES: Mapping[str, Examples] = {
    "unfiltered-delete": Examples(
        (
            "delete from t;",
            "DELETE FROM ONLY public.t AS x USING y;",
            'delete/**/from "T" returning *;',
            "delete from t where true;",
            "delete from t where (1 = 1) returning id;",
            "with gone as (delete from t returning *) insert into u select * from gone where id > 1;",
            "do $$ begin if 1 = 1 then delete from t; end if; end $$;",
            "do $$ begin for a in select 1 loop delete from t; end loop; end $$;",
            "do $$ begin execute 'delete from ' || quote_ident('t'); end $$;",
            "do $a$ begin execute format($b$delete from %I$b$, 't'); end $a$;",
            "do $a$ begin execute 'do $b$ begin delete from t; end $b$'; end $a$;",
            "do 'begin delete from t; end';",
            r"do e'begin \x64elete\040from t; end';",
            "create function f() returns void language plpgsql as $$ begin delete from t; end $$;",
            "create or replace procedure f() language sql as 'delete from t';",
            "create function f() returns void begin atomic delete from t; end;",
            "create rule r as on delete to v do instead delete from t;",
            "create table if not exists t (a int); delete from t;",
            "create table t (a) as select 1; delete from t;",
            "delete from t where id = id;",
            "delete from t where (t.id = t.id) returning id;",
            "create table s.t (a int); delete from t;",
            "create table t (a int); drop table t; delete from t;",
            "create table t (a int); set search_path = other; delete from t;",
            "select 1 where 'x' = 'where'; delete from t;",
            "delete from t using (select 1 as a where true) as x;",
        ),
        (
            "delete from t where id = 1;",
            "-- delete from t;\nselect 1;",
            "/* delete from t; /* nested */ */ select 1;",
            "select 'delete from t', $$delete from t$$, \"delete from t\" from x;",
            "insert into notes values ('it''s; delete from t');",
            "create table t (a int references u on delete cascade);",
            "create trigger x after delete on t for each row execute function f();",
            "grant delete on t to service_role;",
            "create table t (a int); delete from t;",
            "create table t (a bigint generated always as identity, b int); delete from t;",
            "do $$ begin delete from t where a = case when true then 1 else 2 end; end $$;",
            "do $$ begin execute 'delete from t' || ' where a = ' || 1; end $$;",
            "with gone as (delete from t where a = 1 returning *) select * from gone;",
        ),
    ),
    "unfiltered-update": Examples(
        (
            "update t set a = 1;",
            "update only public.t as x set a = case when b then 1 else 2 end from (select 1 where true) as y;",
            "with x as (update t set a = 1 returning *) select * from x where a = 1;",
            "do $$ begin update t set a = 1; end $$;",
            "create function f() returns void language plpgsql as $$ begin if true then update t set a = 1; end if; end $$;",
            "create rule r as on insert to v do also update t set a = 1;",
        ),
        (
            "update t set a = 1 where id = 2;",
            "update t set a = case when b then (select 1) else 2 end where c;",
            "insert into t values (1) on conflict (a) do update set a = excluded.a;",
            "merge into t using u on t.a = u.a when matched then update set a = 1;",
            "select * from t for update;",
            "select * from t for no key update of t;",
            "create trigger x before insert or update of a on t for each row execute function f();",
            "create policy p on t for update to authenticated using (user_id = 1);",
            "grant select, update on t to service_role;",
            "create table t (a int references u on update cascade);",
            "select update_all('t');",
        ),
    ),
    "truncate": Examples(
        (
            "truncate t;",
            "truncate table only public.t restart identity cascade;",
            "do $$ begin truncate t; end $$;",
            "create function f() returns void language plpgsql as $$ begin execute format('truncate %I', 't'); end $$;",
            "create table t (a int); truncate t, u;",
        ),
        (
            "-- truncate t;\nselect 1;",
            "select trunc(1.5), 'truncate t';",
            "create table t (a int); truncate t;",
            "create trigger x before truncate on t execute function f();",
            "revoke truncate on t from anon;",
        ),
    ),
    "client-grant": Examples(
        (
            "grant select on t to anon;",
            "grant select, insert on table public.t to service_role, authenticated;",
            "grant all on all tables in schema public to public;",
            'grant select on t to "anon";',
            'grant select on t to U&"\\0061non";',
            "grant execute on function f() to group public with grant option;",
            "grant service_role to authenticated;",
            "do $$ begin grant select on t to anon; end $$;",
            "do $$ begin execute format('grant select on %I to anon', 't'); end $$;",
            "alter table t owner to anon;",
        ),
        (
            "grant select on t to service_role;",
            "revoke all on t from anon, authenticated, public;",
            "comment on table t is 'grant select on t to anon';",
            "grant select on anon to service_role;",
            'grant select on t to "Anon";',
        ),
    ),
    "client-default-privileges": Examples(
        (
            "alter default privileges in schema public grant select on tables to anon;",
            "alter default privileges for role postgres grant all on functions to authenticated, service_role;",
        ),
        (
            "alter default privileges in schema public revoke all on tables from anon;",
            "alter default privileges in schema public grant all on tables to service_role;",
        ),
    ),
    "disabled-row-level-security": Examples(
        (
            "alter table t disable row level security;",
            "alter table if exists only public.t add column a int, disable row level security;",
            "do $$ begin alter table t disable row level security; end $$;",
        ),
        ("alter table t enable row level security;", "comment on table t is 'disable row level security';"),
    ),
    "no-force-row-level-security": Examples(
        ("alter table t no force row level security;",), ("alter table t force row level security;",)
    ),
    "dropped-policy": Examples(
        ("drop policy p on t;", "drop policy if exists p on t;", "do $$ begin drop policy p on t; end $$;"),
        ("create policy p on t using (a = 1);", "drop table policy;"),
    ),
    "open-policy": Examples(
        (
            "create policy p on t using (true);",
            "create policy p on t for select to authenticated using ((true));",
            "create policy p on t for insert with check (1 = 1);",
            "alter policy p on t using (true);",
            "create policy p on t for all to public using (user_id = user_id);",
            "create policy p on t using (a = 1) with check (true);",
        ),
        (
            "create policy p on t using (user_id = (select auth.uid()));",
            "create policy p on t to service_role using (true);",
            "create policy p on t using (active is true);",
        ),
    ),
    "security-definer-search-path": Examples(
        (
            "create function f() returns int language sql security definer as $$ select 1 $$;",
            "create or replace function f() returns int security definer language plpgsql as $$ begin set search_path = ''; end $$;",
            "alter function f() security definer;",
            "alter function f() reset search_path;",
        ),
        (
            "create function f() returns int language sql security definer set search_path = '' as $$ select 1 $$;",
            "create function f() returns int language sql as $$ select 'security definer' $$;",
            "create procedure f() security invoker language sql as $$ select 1 $$;",
        ),
    ),
    "role-power": Examples(
        ("alter role app bypassrls;", "create role x with login superuser;", "create user x replication;"),
        ("create role x login nobypassrls;", "alter role x set statement_timeout = '1s';"),
    ),
    "disabled-trigger": Examples(
        ("alter table t disable trigger all;", "set session_replication_role = replica;"),
        ("alter table t enable trigger all;", "set session_replication_role = origin;"),
    ),
    "own-records": Examples(
        (
            "drop table public.migration_audit;",
            'delete from "migration_audit" where seq = 1;',
            "update U&\"migration\\005faudit\" set notes = '' where seq = 1;",
            "do $$ begin execute 'alter table migration_audit disable trigger all'; end $$;",
            "with x as (delete from supabase_migrations.schema_migrations where version = '1' returning 1) select 1;",
            "drop schema supabase_migrations cascade;",
            "create trigger t before insert on supabase_migrations.schema_migrations for each row execute function f();",
        ),
        (
            "insert into migration_audit (migration_name) values ('x');",
            "select 'drop table migration_audit';",
            "select 1 from migration_audit;",
            "drop table other_audit;",
        ),
    ),
    "lifted-limit": Examples(
        (
            "set lock_timeout = 0;",
            "set local statement_timeout to default;",
            "select set_config('lock_timeout', '0', false);",
            "do $$ begin perform pg_advisory_unlock_all(); end $$;",
        ),
        ("set lock_timeout = '5s';", "select 'lock_timeout', 1;", "select pg_advisory_xact_lock(1);"),
    ),
    "vacuum-full": Examples(
        ("vacuum full t;", "vacuum (full, analyze) t;"), ("vacuum t;", "create index full_idx on t (a);")
    ),
    "cluster": Examples(("cluster t using i;",), ("create table cluster_nodes (a int);",)),
    "lock-table": Examples(("lock table t in access exclusive mode;", "do $$ begin lock t; end $$;"), ("select 1;",)),
    "drop-owned": Examples(("drop owned by app cascade;",), ("reassign owned by app to postgres;",)),
    "changed-quoting": Examples(
        ("set standard_conforming_strings = off;", "select set_config('standard_conforming_strings', 'off', false);"),
        ("select 'standard';",),
    ),
    "large-table-rewrite": Examples(
        (
            "alter table big alter column a type bigint;",
            "alter table public.big alter a set data type text;",
            "alter table big add column b uuid default gen_random_uuid();",
            "alter table big add b bigserial;",
            "alter table big add column b int generated always as (a + 1) stored;",
            "alter table big add column b bigint generated by default as identity;",
            "alter table big add column a int, alter column b type text;",
            "alter table big set unlogged;",
            "alter table unseen alter column a type bigint;",
            "alter table nowhere alter column a type bigint;",
            "create table if not exists big (a int); alter table big alter column a type bigint;",
            "do $$ begin alter table big alter column a type bigint; end $$;",
        ),
        (
            "alter table small alter column a type bigint;",
            "alter table tiny alter column a type bigint;",
            "alter table big add column b int default 5 not null;",
            "alter table big add column b timestamptz default now();",
            "alter table big alter column type set default 1;",
            "create table mine (a int); alter table mine alter column a type bigint;",
            "create function f() returns void language plpgsql as $$ begin alter table big alter column a type text; end $$;",
        ),
    ),
    "large-table-scan": Examples(
        (
            "alter table big alter column a set not null;",
            "alter table big add constraint c check (a > 0);",
            "alter table big add check (a > 0);",
            "alter table big add constraint c unique (a);",
            "alter table big add primary key (a);",
            "alter table big add constraint c foreign key (a) references small (a);",
            "alter table small add constraint c foreign key (a) references big (a);",
            "alter table big attach partition small for values from (1) to (2);",
        ),
        (
            "alter table big alter column proven set not null;",
            "alter table big add constraint c check (a > 0) not valid;",
            "alter table big add constraint c unique using index i;",
            "alter table small add constraint c check (a > 0);",
            "alter table big drop constraint c;",
            "alter table big validate constraint c;",
        ),
    ),
    "large-table-index": Examples(
        ("create index i on big (a);", "create unique index if not exists i on only public.big using btree (a);"),
        ("create index concurrently i on big (a);", "create index i on small (a);"),
    ),
    "large-view-refresh": Examples(
        ("refresh materialized view big;",),
        ("refresh materialized view concurrently big;", "refresh materialized view small;"),
    ),
    "validated-at-once": Examples(
        ("alter table t add constraint c check (a > 0) not valid; alter table t validate constraint c;",),
        ("alter table t add constraint c check (a > 0) not valid; alter table t validate constraint d;",),
    ),
    "unusable": Examples(
        ("copy t from stdin;\n1\n\\.\n", "\\i other.sql\n", "select 'open;"), ("copy t from '/tmp/x';", "select '\\i';")
    ),
    "not-alone": Examples(
        (
            "select 1; create index concurrently i on t (a);",
            "create index concurrently i on t (a); create index concurrently j on t (b);",
        ),
        ("-- a comment\ncreate index concurrently i on t (a);\n-- the end\n",),
    ),
    "transaction-control": Examples(
        ("select 1; commit; select 2;", "begin; select 1; rollback;", "savepoint a; select 1;"),
        ("begin; select 1; commit;", "do $$ begin perform 1; end $$;"),
    ),
    "no-statement": Examples(("", "-- nothing\n", ";;\n"), ("select 1;",)),
    "without-transaction": Examples(
        ("-- pg-delta: transaction=false\nselect 1; select 2;",),
        ("-- pg-delta: transaction=false\nvacuum t;", "-- transaction=false\nselect 1; select 2;"),
    ),
    "blanket-suppression": Examples(
        ("-- squawk-ignore-file\nselect 1;", "select 1;\n/* squawk-ignore-file ban-drop-table */"),
        ("-- nothing is ignored\nselect 1;",),
    ),
    "suppression-without-reason": Examples(
        (
            "-- squawk-ignore\nselect 1;",
            "-- squawk-ignore ban-drop-table\nselect 1;",
            "-- why\n-- squawk-ignore ban-drop-table\nselect 1;",
        ),
        ("-- nobody reads it since release 12\n-- squawk-ignore ban-drop-table\ndrop table t;",),
    ),
    "byte-order-mark": Examples(("\ufeffselect 1;",), ("select '\ufeff';",)),
    "carriage-return": Examples(("select 1;\r\n",), ("select 1;\n",)),
    "hidden-change": Examples(
        (
            "do $$ begin drop table t; end $$;",
            "do $$ begin alter table t drop column a; end $$;",
            "do $$ begin if true then execute 'drop schema x cascade'; end if; end $$;",
            "do $$ declare a int; begin <<here>> begin drop function f(); end; end $$;",
            "do $$ begin perform 1; exception when others then drop view v; end $$;",
        ),
        (
            "drop table t;",
            "do $$ begin perform 'drop table t'; end $$;",
            "create function f() returns void language plpgsql as $$ begin drop table t; end $$;",
        ),
    ),
    "unreadable-block": Examples(
        (
            "do $$ declare s text := 'x'; begin execute s; end $$;",
            "do language plpython3u $$ plpy.execute('x') $$;",
            "do $$ begin execute (select string_agg(a, ';') from t); end $$;",
        ),
        (
            "do $$ begin execute 'select 1'; end $$;",
            "do language plpgsql $$ begin perform 1; end $$;",
            "execute prepared;",
        ),
    ),
    "statement-too-long": Examples(
        (f"insert into t values {','.join(['(1)'] * 50_001)};",), ("insert into t values (1), (2);",)
    ),
    "verify-writes": Examples(
        ("insert into t values (1);", "select 1; create table t (a int);"),
        ("select true;", "with x as (select 1) select count(*) = 1 from x;", "set local role anon; table t;"),
        Role.VERIFY,
    ),
}
