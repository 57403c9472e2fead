-- id: duplicate-indexes
-- title: no two indexes are the same
-- severity: minor
-- why: Every write maintains both, and dropping "the" index later leaves its twin behind.
-- remedy: DROP INDEX CONCURRENTLY ...; for the one that no constraint needs
-- requires: schema {schemas}
-- parameter schemas: text[] = ["public"]; schemas to look in
WITH described AS (
    SELECT i.indexrelid, i.indrelid, i.indisunique,
        EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AS needed,
        concat_ws(' / ', c.relam, i.indnkeyatts, i.indkey, i.indclass, i.indcollation, i.indoption,
            coalesce(pg_get_expr(i.indexprs, i.indrelid), '-'), coalesce(pg_get_expr(i.indpred, i.indrelid), '-')) AS form
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s::text[])
), ranked AS (
    -- The one to keep comes first: a constraint's, then a unique one, then the oldest.
    SELECT *,
        row_number() OVER (PARTITION BY indrelid, form ORDER BY needed DESC, indisunique DESC, indexrelid) AS place,
        first_value(indexrelid) OVER (PARTITION BY indrelid, form ORDER BY needed DESC, indisunique DESC, indexrelid) AS kept
    FROM described
)
SELECT
    'duplicate-indexes' AS id,
    'minor' AS severity,
    format('%%I.%%I', n.nspname, c.relname) AS object,
    format('the same as %%s, on %%s', kept::regclass, indrelid::regclass) AS detail,
    CASE WHEN needed THEN 'drop the constraint that it belongs to, on ' || indrelid::regclass
        ELSE format('DROP INDEX CONCURRENTLY %%I.%%I;', n.nspname, c.relname) END AS remedy,
    format('duplicate-indexes:%%I.%%I', n.nspname, c.relname) AS key
FROM ranked
JOIN pg_class c ON c.oid = indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE place > 1
ORDER BY 3
