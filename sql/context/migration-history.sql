-- id: migration-history
-- title: whether there is a table of applied migrations, and whether it may be read
-- why: A view, or row level security, may hide rows; their migrations would be applied a second time.
select
    c.oid is not null,
    c.relkind in ('r', 'p')
    and not row_security_active(c.oid)
    and has_schema_privilege(c.relnamespace, 'USAGE')
    and has_column_privilege(c.oid, 'version', 'SELECT')
from (select 1) as one
left join pg_namespace as n on n.nspname = 'supabase_migrations'
left join pg_class as c on c.relnamespace = n.oid and c.relname = 'schema_migrations'
