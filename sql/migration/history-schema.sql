-- id: history-schema
-- title: make the schema of the history of migrations, as the Supabase CLI does
create schema if not exists supabase_migrations
