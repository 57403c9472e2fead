-- id: history-complete
-- title: whether the history of migrations has every column that is written
select count(*) = 3
from pg_catalog.pg_attribute as a
join pg_catalog.pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p')
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'supabase_migrations'
where c.relname = 'schema_migrations' and not a.attisdropped and a.attname in ('version', 'name', 'statements')
