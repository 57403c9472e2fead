-- id: history-seen
-- title: whether there is the Supabase CLI's table of applied migrations, and whether it may be read
-- why: A view, or row level security, may hide rows; their migrations would be applied a second time.
select
    c.oid is not null,
    c.relkind in ('r', 'p')
    and not row_security_active(c.oid)
    and has_schema_privilege(c.relnamespace, 'USAGE')
    and has_table_privilege(c.oid, 'SELECT')
from (select 1) as one
left join pg_namespace as n on n.nspname = 'supabase_migrations'
left join pg_class as c on c.relnamespace = n.oid and c.relname = 'schema_migrations'
