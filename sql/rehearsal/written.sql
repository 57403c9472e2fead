-- id: written
-- title: how many bytes of write-ahead log the server has written
select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::bigint
