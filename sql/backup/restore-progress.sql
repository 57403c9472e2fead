-- id: restore-progress
-- title: what the sessions of a restore are at: rows copied by each, or the index that is built
SELECT pid, relid::bigint, relid::regclass::text, tuples_processed
FROM pg_stat_progress_copy
WHERE datname = current_database() AND command = 'COPY FROM' AND relid <> 0
UNION ALL
SELECT pid, 0, concat('index ', nullif(index_relid, 0)::regclass::text, ' on ', relid::regclass::text), 0
FROM pg_stat_progress_create_index
WHERE datname = current_database()
