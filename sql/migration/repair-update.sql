-- id: repair-update
-- title: let the row of one migration hold what its file holds
-- given: version, name, statements
update supabase_migrations.schema_migrations
set name = %(name)s, statements = %(statements)s
where version = %(version)s
