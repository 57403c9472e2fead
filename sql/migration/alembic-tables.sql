-- id: alembic-tables
-- title: the tables in which Alembic writes down at which revisions a database is
select n.nspname, has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT')
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relname = 'alembic_version' and c.relkind in ('r', 'p') and n.nspname !~ '^pg_'
order by n.nspname = 'public' desc, n.nspname
