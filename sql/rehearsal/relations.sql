-- id: relations
-- title: every table, index and sequence of this database that is not the system's, its file, and how large that is
-- given: tables
-- why: Indexes and what is stored beside a table count as the table: a lock on them is met by whoever uses it.
select
    c.oid::bigint,
    coalesce(o.oid, i.indrelid, c.oid)::bigint,
    n.nspname::text,
    c.relname::text,
    c.relkind::text,
    c.relfilenode::bigint,
    case when c.relkind in ('r', 'i', 'm', 't', 'S') then coalesce(pg_catalog.pg_relation_size(c.oid), 0) else 0 end
from pg_catalog.pg_class as c
left join pg_catalog.pg_index as i on i.indexrelid = c.oid
left join pg_catalog.pg_class as o on o.reltoastrelid = coalesce(i.indrelid, c.oid)
join pg_catalog.pg_class as t on t.oid = coalesce(o.oid, i.indrelid, c.oid)
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_namespace as tn on tn.oid = t.relnamespace
where c.relpersistence <> 't' and c.relkind <> 'c'
and tn.nspname !~ '^pg_' and tn.nspname <> 'information_schema'
and (%(tables)s::oid[] is null or t.oid = any (%(tables)s::oid[]))
