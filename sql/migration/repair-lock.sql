-- id: repair-lock
-- title: nobody else changes the history until the transaction ends
lock table supabase_migrations.schema_migrations in share row exclusive mode
