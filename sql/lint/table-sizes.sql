-- id: table-sizes
-- title: how large every table is, with all of its partitions, and which columns a constraint proves to hold no null
-- why: Whether a statement locks for a moment or for an hour is decided by the size of its table. The estimate of the rows
--   is brought up to the table's present size as the planner does; it is null where a part was never analysed.
WITH RECURSIVE part AS (
    SELECT c.oid AS top, c.oid FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'm')
    UNION ALL
    SELECT part.top, i.inhrelid FROM part JOIN pg_inherits AS i ON i.inhparent = part.oid
), measured AS (
    SELECT part.top, c.reltuples, c.relpages,
        coalesce(pg_relation_size(c.oid), 0) AS bytes,
        coalesce(pg_total_relation_size(c.oid), 0) AS total_bytes
    FROM part JOIN pg_class AS c ON c.oid = part.oid
    WHERE c.relkind IN ('r', 'm')
), summed AS (
    SELECT top, sum(bytes)::bigint AS bytes, sum(total_bytes)::bigint AS total_bytes,
        CASE WHEN bool_and(reltuples >= 0 AND (relpages > 0 OR bytes = 0)) THEN sum(
            CASE WHEN relpages > 0 THEN reltuples::numeric / relpages * (bytes / current_setting('block_size')::int) ELSE 0 END
        )::bigint END AS estimate
    FROM measured GROUP BY top
)
SELECT n.nspname::text, c.relname::text,
    CASE WHEN summed.top IS NULL THEN 0 ELSE summed.estimate END AS estimate,
    coalesce(summed.bytes, 0), coalesce(summed.total_bytes, 0),
    ARRAY(
        SELECT a.attname::text FROM pg_constraint AS k JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
        WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated AND array_length(k.conkey, 1) = 1
        AND pg_get_constraintdef(k.oid) = format('CHECK ((%%I IS NOT NULL))', a.attname)
        UNION
        SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnotnull AND a.attnum > 0
    ) AS not_null
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN summed ON summed.top = c.oid
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
ORDER BY 1, 2
