-- id: search-path
-- title: functions say in which schemas they look up names
-- severity: major
-- why: A function without a search_path of its own looks names up where its caller says, so a caller who can make a table or
--   function of the right name decides what it does. In a SECURITY DEFINER function that is a way to its owner's rights.
-- remedy: ALTER FUNCTION ... SET search_path = '';
-- requires: schema {schemas}
-- parameter accepted: text[] = []; functions (`schema.function(types)`) that were reviewed
-- parameter schemas: text[] = ["public"]; schemas that the API exposes
WITH object AS (
    SELECT format('%%I.%%I(%%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS name, p.prosecdef,
        CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS kind
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_language l ON l.oid = p.prolang
    WHERE n.nspname = ANY (%(schemas)s::text[]) AND p.prokind IN ('f', 'p')
    -- Compiled functions look nothing up, and a body in SQL's own form was resolved when it was created.
    AND l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL
    AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search\_path=%%')
    AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    )
)
SELECT
    'search-path' AS id,
    CASE WHEN prosecdef THEN 'critical' ELSE 'major' END AS severity,
    name AS object,
    CASE WHEN prosecdef THEN 'runs with its owner''s rights and ' ELSE '' END
        || 'looks names up in the caller''s search_path' AS detail,
    format('ALTER %%s %%s SET search_path = '''';', kind, name) AS remedy,
    'search-path:' || name AS key
FROM object
WHERE name <> ALL (%(accepted)s::text[])
ORDER BY prosecdef DESC, name
