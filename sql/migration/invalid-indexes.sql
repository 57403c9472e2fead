-- id: invalid-indexes
-- title: indexes that a failed or killed build has left behind, which no query uses and every write maintains
-- given: schemas
select n.nspname, c.relname
from pg_catalog.pg_index as i
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready) and c.relkind = 'i'
and n.nspname !~ '^pg_' and n.nspname <> all (%(schemas)s::text[])
order by 1, 2
