-- id: history-statements
-- title: the statements that the history keeps of some versions
-- given: versions
select t.version::text, row_to_json(t) -> 'statements'
from supabase_migrations.schema_migrations as t
where t.version::text = any(%(versions)s)
