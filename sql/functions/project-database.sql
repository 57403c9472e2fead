-- id: project-database
-- title: which database a project works with, as its own server names it
select
    (select system_identifier::text from pg_catalog.pg_control_system()) as system_identifier,
    oid::bigint as database_oid,
    datname as database,
    (extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint::text as started_us
from pg_catalog.pg_database
where datname = pg_catalog.current_database()
