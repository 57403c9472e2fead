-- id: relations
-- title: every relation whose rows or values pg_dump reads or leaves out, and what this role sees of it
-- why: What a backup must prove is what pg_dump dumps: all schemas but the system's, without what belongs to an extension,
--   but with the rows of its configuration tables, under the condition that the extension names.
-- given: left_out_schemas, left_out_extensions
WITH configuration AS (
    SELECT relation, condition
    FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS given (relation, condition)
    WHERE e.extname <> ALL (%(left_out_extensions)s::text[])
), member AS (
    SELECT objid FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_extension'::regclass AND deptype = 'e'
)
SELECT c.oid, c.relkind::text, n.nspname, c.relname, configuration.condition,
    c.relkind IN ('r', 'p') AND row_security_active(c.oid) AS filtered,
    c.relkind NOT IN ('r', 'p', 'S') OR has_table_privilege(c.oid, 'SELECT') AS readable,
    has_schema_privilege(n.oid, 'USAGE') AS schema_usable,
    c.relpersistence = 'u' AS unlogged,
    c.relispopulated AS populated,
    CASE WHEN c.relkind = 'r' THEN coalesce(pg_table_size(c.oid), 0) ELSE 0 END AS bytes,
    CASE WHEN c.relkind = 'r' AND a.amname = 'heap' THEN coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int
        ELSE 0 END AS pages
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_am AS a ON a.oid = c.relam
LEFT JOIN configuration ON configuration.relation = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'S', 'f')
AND c.relpersistence <> 't'
AND n.nspname <> ALL (%(left_out_schemas)s::text[])
AND CASE WHEN EXISTS (SELECT FROM member WHERE member.objid = c.oid) THEN configuration.relation IS NOT NULL
    ELSE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' END
ORDER BY n.nspname, c.relname
