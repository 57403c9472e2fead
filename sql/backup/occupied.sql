-- id: occupied
-- title: what a database holds beyond what a fresh one has, and beyond what the platform supplies
-- why: A restore into a database that is not empty fails half-way, or mixes two databases into one.
-- given: schemas, extensions
WITH supplied AS (
    SELECT oid FROM pg_namespace
    WHERE nspname LIKE 'pg\_%%' OR nspname = 'information_schema' OR nspname = ANY(%(schemas)s::text[])
), members AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
)
SELECT what, name FROM (
    SELECT 1 AS place, 'schema' AS what, nspname::text AS name, 'pg_namespace'::regclass AS class, oid
    FROM pg_namespace WHERE nspname <> 'public' AND oid NOT IN (SELECT s.oid FROM supplied s)
    UNION ALL
    SELECT 2, CASE relkind
            WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
            WHEN 'c' THEN 'type' WHEN 'f' THEN 'foreign table' ELSE 'table' END,
        format('%%s.%%I', relnamespace::regnamespace, relname), 'pg_class'::regclass, oid
    FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND relnamespace NOT IN (SELECT s.oid FROM supplied s)
    UNION ALL
    SELECT 3, 'function', oid::regprocedure::text, 'pg_proc'::regclass, oid
    FROM pg_proc WHERE pronamespace NOT IN (SELECT s.oid FROM supplied s)
    UNION ALL
    SELECT 4, 'type', oid::regtype::text, 'pg_type'::regclass, oid
    FROM pg_type
    WHERE typtype IN ('d', 'e', 'r', 'b') AND typelem = 0 AND typnamespace NOT IN (SELECT s.oid FROM supplied s)
    UNION ALL
    SELECT 5, 'operator', oid::regoperator::text, 'pg_operator'::regclass, oid
    FROM pg_operator WHERE oprnamespace NOT IN (SELECT s.oid FROM supplied s)
    UNION ALL
    SELECT 6, 'collation', collname::text, 'pg_collation'::regclass, oid
    FROM pg_collation WHERE collnamespace NOT IN (SELECT s.oid FROM supplied s)
    UNION ALL
    SELECT 7, 'text search configuration', cfgname::text, 'pg_ts_config'::regclass, oid
    FROM pg_ts_config WHERE cfgnamespace NOT IN (SELECT s.oid FROM supplied s)
    UNION ALL
    SELECT 8, 'extension', extname::text, 'pg_extension'::regclass, oid
    FROM pg_extension WHERE extname <> 'plpgsql' AND extname <> ALL(%(extensions)s::text[])
    UNION ALL
    SELECT 9, 'publication', pubname::text, 'pg_publication'::regclass, oid FROM pg_publication
    UNION ALL
    SELECT 10, 'event trigger', t.evtname::text, 'pg_event_trigger'::regclass, t.oid
    FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid
    WHERE p.pronamespace NOT IN (SELECT s.oid FROM supplied s)
    UNION ALL
    SELECT 11, 'foreign data wrapper', fdwname::text, 'pg_foreign_data_wrapper'::regclass, oid
    FROM pg_foreign_data_wrapper
    UNION ALL
    SELECT 12, 'large object', oid::text, 'pg_largeobject'::regclass, oid FROM pg_largeobject_metadata
) found
WHERE (class::oid, oid) NOT IN (SELECT m.classid, m.objid FROM members m)
ORDER BY place, name COLLATE "C"
LIMIT 1000
