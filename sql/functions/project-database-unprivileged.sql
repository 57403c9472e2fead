-- id: project-database-unprivileged
-- title: the same for a role that may not read the identifier of the server
select
    null::text as system_identifier,
    oid::bigint as database_oid,
    datname as database,
    (extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint::text as started_us
from pg_catalog.pg_database
where datname = pg_catalog.current_database()
