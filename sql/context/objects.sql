-- id: objects
-- title: which of the named objects of a schema are missing or unusable
-- why: A migration that was recorded is not yet a migration whose objects exist and can be relied on.
-- parameter schema: text; the schema
-- parameter kinds: text[]; table, index, constraint, function or policy, one for each name
-- parameter names: text[]; the names; a constraint or policy may be written `table.name`
WITH wanted AS (
    SELECT kind, name, n, part[array_upper(part, 1)] AS last, CASE WHEN array_upper(part, 1) > 1 THEN part[1] END AS above
    FROM unnest(%(kinds)s::text[], %(names)s::text[]) WITH ORDINALITY AS given (kind, name, n),
        parse_ident(name) AS part
), schema AS (
    SELECT oid FROM pg_namespace WHERE nspname = %(schema)s::text
), found AS (
    SELECT 'table' AS kind, c.relname AS name, NULL::name AS above,
        CASE WHEN c.relkind NOT IN ('r', 'p') THEN 'is no table' END AS problem
    FROM pg_class c WHERE c.relnamespace = (SELECT oid FROM schema) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT 'index', c.relname, NULL,
        nullif(concat_ws(', ', CASE WHEN NOT i.indisvalid THEN 'is not valid' END,
            CASE WHEN NOT i.indisready THEN 'is not kept up to date' END, CASE WHEN NOT i.indislive THEN 'is being dropped' END), '')
    FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relnamespace = (SELECT oid FROM schema)
    UNION ALL
    SELECT 'constraint', k.conname, t.relname,
        CASE WHEN NOT k.convalidated THEN 'is not validated'
            WHEN i.indexrelid IS NOT NULL AND NOT (i.indisvalid AND i.indisready AND i.indislive) THEN 'has an index that is not valid' END
    FROM pg_constraint k
    JOIN pg_class t ON t.oid = k.conrelid
    LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
    WHERE t.relnamespace = (SELECT oid FROM schema)
    UNION ALL
    SELECT 'function', p.proname, NULL, NULL FROM pg_proc p WHERE p.pronamespace = (SELECT oid FROM schema)
    UNION ALL
    SELECT 'policy', p.polname, t.relname, CASE WHEN NOT t.relrowsecurity THEN 'is idle: row level security is off' END
    FROM pg_policy p JOIN pg_class t ON t.oid = p.polrelid WHERE t.relnamespace = (SELECT oid FROM schema)
)
SELECT wanted.kind, wanted.name, coalesce(min(found.problem), 'is missing')
FROM wanted
LEFT JOIN found ON found.kind = wanted.kind AND found.name = wanted.last
    AND (wanted.above IS NULL OR found.above = wanted.above)
GROUP BY wanted.kind, wanted.name, wanted.n
-- Where several objects share the name, each of them has to be usable.
HAVING count(found.kind) = 0 OR count(found.problem) > 0
ORDER BY wanted.n
