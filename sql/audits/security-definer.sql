-- id: security-definer
-- title: no view or function lends clients the rights of its owner
-- severity: critical
-- why: A view without security_invoker and a SECURITY DEFINER function run as their owner, whom row level security often does
--   not bind. Reachable by a client, they open what the policies close.
-- remedy: ALTER VIEW ... SET (security_invoker = true); REVOKE EXECUTE ON FUNCTION ... FROM PUBLIC, anon, authenticated;
-- requires: role {clients}, schema {schemas}
-- parameter accepted: text[] = []; views (`schema.view`) and functions (`schema.function(types)`) that were reviewed
-- parameter schemas: text[] = ["public"]; schemas that the API exposes
-- parameter clients: text[] = ["anon", "authenticated"]; roles that requests of clients run as
WITH client AS (
    SELECT oid FROM pg_roles WHERE rolname = ANY (%(clients)s::text[])
), object AS (
    SELECT 'view' AS kind, c.oid, format('%%I.%%I', n.nspname, c.relname) AS name,
        coalesce(c.relacl, acldefault('r', c.relowner)) AS acl
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s::text[]) AND c.relkind = 'v'
    AND NOT EXISTS (
        SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker' AND option_value::boolean
    )
    UNION ALL
    SELECT 'function', p.oid, format('%%I.%%I(%%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)),
        coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    -- A trigger function cannot be called; it runs only where its owner attached it.
    WHERE n.nspname = ANY (%(schemas)s::text[]) AND p.prosecdef
    AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
), grantee AS (
    SELECT kind, oid, entry.grantee FROM object, aclexplode(acl) AS entry
    UNION
    SELECT kind, oid, entry.grantee
    FROM object JOIN pg_attribute a ON kind = 'view' AND a.attrelid = oid, aclexplode(a.attacl) AS entry
)
SELECT
    'security-definer' AS id,
    'critical' AS severity,
    name AS object,
    format('%%s runs with the rights of its owner and is open to clients', kind) AS detail,
    CASE kind
        WHEN 'view' THEN format('ALTER VIEW %%s SET (security_invoker = true);', name)
        ELSE format('REVOKE EXECUTE ON FUNCTION %%s FROM PUBLIC, %%s;', name, array_to_string(%(clients)s::text[], ', '))
    END AS remedy,
    'security-definer:' || name AS key
FROM object
WHERE name <> ALL (%(accepted)s::text[])
AND EXISTS (
    SELECT FROM grantee
    WHERE grantee.kind = object.kind AND grantee.oid = object.oid
    AND (grantee = 0 OR EXISTS (SELECT FROM client WHERE pg_has_role(client.oid, grantee, 'MEMBER')))
)
ORDER BY name
