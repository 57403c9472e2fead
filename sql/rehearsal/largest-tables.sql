-- id: largest-tables
-- title: the largest tables with a primary key, what a client knows of them, and a column that it may write
-- why: Nobody knows what the clients of a database ask it; every one of them finds rows by their keys.
-- given: most
select n.nspname::text, c.relname::text,
    array(
        select a.attname::text from pg_catalog.unnest(k.conkey) with ordinality as key (number, place)
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = key.number
        order by key.place
    ),
    array(
        select a.attname::text from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        order by a.attnum
    ),
    (
        select a.attname::text from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
        order by a.attnum = any (k.conkey), a.attnum
        limit 1
    )
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_constraint as k on k.conrelid = c.oid and k.contype = 'p'
where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'supabase_migrations')
order by (
    select sum(pg_catalog.pg_total_relation_size(coalesce(p.relid, c.oid)))
    from (select 1) as one left join pg_catalog.pg_partition_tree(c.oid) as p on true
) desc, n.nspname, c.relname
limit %(most)s
