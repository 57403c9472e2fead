-- id: history-insert
-- title: write a migration's row, as the Supabase CLI does
-- why: A trigger of somebody else's may store nothing, or something else.
-- given: version, name, statements
insert into supabase_migrations.schema_migrations (version, name, statements)
values (%(version)s, %(name)s, %(statements)s::pg_catalog.text[])
returning (version::text, name, statements) is not distinct from (
    %(version)s::text, %(name)s::text, %(statements)s::pg_catalog.text[]
)
