-- id: lock-holder
-- title: who holds the lock of deployments in this database, and since when
-- given: key
select l.pid, a.application_name, coalesce(a.xact_start, a.backend_start)
from pg_locks as l
join pg_database as d on d.oid = l.database
left join pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and d.datname = current_database()
and (l.classid::bigint << 32) | l.objid::bigint = %(key)s
limit 1
