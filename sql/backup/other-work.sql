-- id: other-work
-- title: sessions that dump or migrate this database right now
-- why: A dump beside a migration, or two dumps, wait for each other's locks, and everybody else waits behind them.
-- given: programs
select a.pid, coalesce(a.application_name, ''), 'runs here', coalesce(a.xact_start, a.backend_start)
from pg_stat_activity as a
where a.datname = current_database() and a.pid <> pg_backend_pid() and a.application_name = any (%(programs)s)
union all
select l.pid, coalesce(a.application_name, ''),
    format('holds %%s on %%I.%%I', l.mode, min(n.nspname), min(c.relname)), coalesce(a.xact_start, a.backend_start)
from pg_locks as l
join pg_class as c on c.oid = l.relation
join pg_namespace as n on n.oid = c.relnamespace
join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
and l.database = (select oid from pg_database where datname = current_database())
and l.mode in ('AccessExclusiveLock', 'ShareRowExclusiveLock')
and c.relkind in ('r', 'p') and c.relpersistence <> 't'
and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
-- Autovacuum has no role; it takes such a lock for the blink in which it shortens a table.
and a.usesysid is not null
group by l.pid, a.application_name, l.mode, a.xact_start, a.backend_start
order by 1
