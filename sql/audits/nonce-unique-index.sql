-- id: nonce-unique-index
-- title: a valid unique index keeps nonces from being used twice
-- severity: critical
-- why: Without it a request that is sent twice is paid twice.
--   An index that is invalid, partial, deferrable or over an expression lets duplicates in.
-- remedy: ALTER TABLE ... ADD CONSTRAINT ... UNIQUE (...);
-- requires: column {column}
-- parameter column: text = "public.points_events.nonce"; the column, written `schema.table.column`
WITH wanted AS (
    SELECT a.attrelid, a.attnum, a.attname, a.attnotnull, format('%%I.%%I', n.nspname, c.relname) AS relation
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE ARRAY[n.nspname::text, c.relname::text, a.attname::text] = parse_ident(%(column)s::text) AND a.attnum > 0
), candidate AS (
    SELECT wanted.*, i.indexrelid::regclass::text AS index,
        concat_ws(', ',
            CASE WHEN NOT i.indisvalid THEN 'invalid' END,
            CASE WHEN NOT i.indisready OR NOT i.indislive THEN 'not kept up to date' END,
            CASE WHEN i.indpred IS NOT NULL THEN 'partial' END,
            CASE WHEN NOT i.indimmediate THEN 'deferrable' END,
            CASE WHEN NOT i.indisunique THEN 'not unique' END
        ) AS flaw
    FROM wanted
    -- Columns that are only INCLUDEd do not weaken it; further key columns do, so such an index is none of ours.
    LEFT JOIN pg_index i ON i.indrelid = attrelid AND i.indnkeyatts = 1 AND i.indkey[0] = attnum
), flaws AS (
    SELECT relation, attname,
        CASE WHEN count(index) FILTER (WHERE flaw = '') > 0 THEN NULL
            ELSE coalesce('only ' || string_agg(format('%%s (%%s)', index, flaw), ', ') FILTER (WHERE index IS NOT NULL),
                'no unique index on exactly this column')
        END AS missing,
        -- Nulls are not equal to each other: as many of them as you like pass a unique index.
        CASE WHEN NOT bool_and(attnotnull) THEN 'the column may be null' END AS nullable,
        -- An index of a table says nothing about the tables that inherit from it; those of partitions are parts of it.
        (SELECT 'not for the rows of ' || string_agg(inhrelid::regclass::text, ', ' ORDER BY inhrelid::regclass::text)
            FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
            WHERE inhparent = attrelid AND NOT child.relispartition) AS beside
    FROM candidate
    GROUP BY attrelid, relation, attname
)
SELECT
    'nonce-unique-index' AS id,
    'critical' AS severity,
    format('%%s.%%I', relation, attname) AS object,
    concat_ws('; ', missing, nullable, beside) AS detail,
    concat_ws(' ',
        CASE WHEN missing IS NOT NULL THEN format('ALTER TABLE %%s ADD UNIQUE (%%I);', relation, attname) END,
        CASE WHEN nullable IS NOT NULL THEN format('ALTER TABLE %%s ALTER COLUMN %%I SET NOT NULL;', relation, attname) END,
        CASE WHEN beside IS NOT NULL THEN 'ALTER TABLE ... NO INHERIT ' || relation || '; for each of them' END
    ) AS remedy,
    format('nonce-unique-index:%%s.%%s', relation, attname) AS key
FROM flaws
WHERE missing IS NOT NULL OR nullable IS NOT NULL OR beside IS NOT NULL
ORDER BY relation
