-- id: locks
-- title: the locks on tables and indexes that a session has
-- given: pid
select distinct l.relation::bigint, l.mode
from pg_catalog.pg_locks as l
where l.locktype = 'relation' and l.granted and l.pid = %(pid)s
and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
