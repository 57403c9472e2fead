-- id: noted-migrations
-- title: the migrations that the ledger names as applied, oldest first, with the digest of the file where it is known
select a.migration_name, a.body::json -> 'data' ->> 'sha256'
from public.migration_audit as a
where a.migration_name is not null and a.kind in ('migration.noted', 'migration.applied')
order by a.seq
