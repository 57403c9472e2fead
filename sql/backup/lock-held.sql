-- id: lock-held
-- title: whether this very session holds an advisory lock in this database
-- given: key
select exists (
    select from pg_locks as l
    join pg_database as d on d.oid = l.database
    where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and d.datname = current_database()
    and l.pid = pg_backend_pid()
    and (l.classid::bigint << 32) | l.objid::bigint = %(key)s
)
