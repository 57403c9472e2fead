-- id: history-columns
-- title: add what older versions of the Supabase CLI did not write, in the order of the newer ones
alter table supabase_migrations.schema_migrations
    add column if not exists statements pg_catalog.text[],
    add column if not exists name pg_catalog.text
