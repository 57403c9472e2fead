-- id: history-digests
-- title: the applied migrations, each with the SHA-256 of its statements in JSON
-- why: early versions of the CLI made the table without a name and without statements, so both are read from the whole row
select
    m.version::text,
    m.whole ->> 'name',
    encode(sha256(convert_to(nullif((m.whole -> 'statements')::text, 'null'), 'UTF8')), 'hex')
from (select t.version, row_to_json(t) as whole from supabase_migrations.schema_migrations as t) as m
order by m.version::text collate "C"
