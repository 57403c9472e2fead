-- id: columns
-- title: the stored columns of tables by name, and how the value of each goes into its row's hash
-- why: A value goes in as it is (an empty text) only where equal hashes mean equal values and no two simple values share
--   one: a hash of numeric takes 1.0 for 1.00, one of bigint or timestamp folds its two halves into one. Otherwise what the
--   type sends in binary goes in, which no setting changes. What may name an oid there goes in as text.
-- given: tables
WITH RECURSIVE below AS (
    SELECT oid AS type, oid AS base FROM pg_type
    UNION ALL
    SELECT below.type, t.typbasetype FROM below JOIN pg_type AS t ON t.oid = below.base AND t.typtype = 'd'
), kind AS (
    SELECT below.type, t.typname, t.typsend, t.typtype, t.typelem, t.typlen,
        t.oid < 12000 AND t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm') AND t.typsend <> 0
            AND t.typname !~ '^_?(xml|reg(proc|procedure|oper|operator|class|type|role|namespace|config|dictionary|collation|database))$'
            AND coalesce(element.typtype, 'b') = 'b' AS sendable
    FROM below
    JOIN pg_type AS t ON t.oid = below.base AND t.typtype <> 'd'
    LEFT JOIN pg_type AS element ON element.oid = t.typelem
)
SELECT a.attrelid, array_agg(a.attname::text ORDER BY a.attname), array_agg(
    CASE
        WHEN NOT kind.sendable THEN 'text'
        WHEN kind.typname IN ('bool', 'char', 'name', 'int2', 'int4', 'oid', 'uuid', 'date', 'bytea') THEN ''
        WHEN kind.typname IN ('text', 'varchar') AND coalesce(l.collisdeterministic, true) THEN ''
        ELSE p.proname::text
    END ORDER BY a.attname)
FROM pg_attribute AS a
JOIN kind ON kind.type = a.atttypid
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
LEFT JOIN pg_proc AS p ON p.oid = kind.typsend
WHERE a.attrelid = ANY (%(tables)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
GROUP BY a.attrelid
