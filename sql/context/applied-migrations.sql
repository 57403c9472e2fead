-- id: applied-migrations
-- title: the versions of the migrations that were applied
select version::text from supabase_migrations.schema_migrations
