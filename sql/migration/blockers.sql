-- id: blockers
-- title: whom a session waits for, and since when their transactions are open
-- given: pid
select b.pid, coalesce(a.application_name, ''), a.usename, coalesce(a.state, ''), coalesce(a.xact_start, a.query_start)
from (select distinct unnest(pg_catalog.pg_blocking_pids(%(pid)s)) as pid) as b
left join pg_catalog.pg_stat_activity as a on a.pid = b.pid
order by 5 nulls last, 1
limit 5
