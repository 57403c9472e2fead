-- id: hidden-transactions
-- title: sessions that hold tables of this database locked, and do not show this role since when
select a.pid, l.virtualtransaction
from pg_catalog.pg_locks as l
join pg_catalog.pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'relation' and l.granted and l.pid <> pg_catalog.pg_backend_pid()
and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
and a.usesysid is not null and a.backend_type is null
group by a.pid, l.virtualtransaction
