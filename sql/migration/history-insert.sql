-- id: history-insert
-- title: write a migration's row, as the Supabase CLI does
-- given: version, name, statements
insert into supabase_migrations.schema_migrations (version, name, statements)
values (%(version)s, %(name)s, %(statements)s::pg_catalog.text[])
