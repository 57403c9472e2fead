-- id: repair-delete
-- title: take the row of one migration out of the history
-- given: version
delete from supabase_migrations.schema_migrations where version = %(version)s
