-- id: forget-row
-- title: take one version out of the history that the Supabase CLI keeps, on a copy where its migration was undone
-- given: version
delete from supabase_migrations.schema_migrations where version = %(version)s
