-- id: running-copies
-- title: which tables of this database are copied right now, and how many bytes of each have passed
-- given: command
select p.relid::bigint, max(p.bytes_processed)
from pg_stat_progress_copy as p
where p.datname = current_database() and p.command = %(command)s
group by p.relid
