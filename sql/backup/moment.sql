-- id: moment
-- title: export this transaction's snapshot, and say which moment of the database it is
select
    pg_export_snapshot(),
    coalesce(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end::text, ''),
    clock_timestamp(),
    pg_database_size(current_database())
