-- id: history-row
-- title: the row of one version in the history that the Supabase CLI keeps
-- given: version
select version, name, statements from supabase_migrations.schema_migrations where version = %(version)s
