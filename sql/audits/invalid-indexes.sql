-- id: invalid-indexes
-- title: every index is valid
-- severity: major
-- why: CREATE INDEX CONCURRENTLY that failed leaves an index that every write pays for and no query uses; a unique one that
--   enforces nothing you can rely on. A retry with IF NOT EXISTS skips it.
-- remedy: DROP INDEX CONCURRENTLY ...; then create it again
-- requires: schema {schemas}
-- parameter schemas: text[] = ["public"]; schemas to look in
SELECT
    'invalid-indexes' AS id,
    CASE WHEN i.indisunique THEN 'critical' ELSE 'major' END AS severity,
    format('%%I.%%I', n.nspname, c.relname) AS object,
    concat_ws(', ',
        format('index of %%s', i.indrelid::regclass),
        CASE WHEN NOT i.indisvalid THEN 'not valid' END,
        CASE WHEN NOT i.indisready THEN 'not kept up to date' END,
        CASE WHEN NOT i.indislive THEN 'being dropped' END,
        CASE WHEN EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
            THEN 'being built right now' END
    ) AS detail,
    format('DROP INDEX CONCURRENTLY %%I.%%I; then create it again', n.nspname, c.relname) AS remedy,
    format('invalid-indexes:%%I.%%I', n.nspname, c.relname) AS key
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s::text[]) AND NOT (i.indisvalid AND i.indisready AND i.indislive)
ORDER BY i.indisunique DESC, 3
