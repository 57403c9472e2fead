-- id: in-the-way
-- title: transactions of this database that have been open for long, and those that are prepared
-- why: A migration would wait for what they hold, and everybody else behind the migration.
-- given: seconds
select a.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(a.state, ''), a.xact_start, null
from pg_catalog.pg_stat_activity as a
where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
and a.backend_type = 'client backend'
and a.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(seconds)s)
union all
select null, '', p.owner, 'prepared', p.prepared, p.gid
from pg_catalog.pg_prepared_xacts as p
where p.database = pg_catalog.current_database()
order by 5
limit 5
