-- id: history-table
-- title: make the history of migrations, as the Supabase CLI does
create table if not exists supabase_migrations.schema_migrations (version pg_catalog.text not null primary key)
