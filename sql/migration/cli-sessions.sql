-- id: cli-sessions
-- title: sessions of this database in which a tool that was killed may still be migrating
-- given: programs
select a.pid, a.application_name, a.state
from pg_catalog.pg_stat_activity as a
where
    a.datname = pg_catalog.current_database()
    and a.pid <> pg_catalog.pg_backend_pid()
    and a.application_name = any(%(programs)s)
order by a.backend_start
