-- id: rls-enabled
-- title: row level security is on, and forced, wherever clients could reach rows
-- severity: critical
-- why: The key of an anonymous client is public. A table without row level security gives whoever holds a grant every
--   row of it, and without FORCE the functions that run as its owner walk around the policies.
-- remedy: ALTER TABLE ... ENABLE ROW LEVEL SECURITY; ALTER TABLE ... FORCE ROW LEVEL SECURITY;
-- requires: role {clients}, schema {schemas}, table {tables}
-- parameter tables: text[] = ["public.points_events", "public.user_points_cache", "public.coupons", "public.coupon_templates"];
--   tables that must be protected whether or not a client can reach them
-- parameter schemas: text[] = ["public"]; schemas that the API exposes
-- parameter clients: text[] = ["anon", "authenticated"]; roles that requests of clients run as
WITH client AS (
    SELECT oid FROM pg_roles WHERE rolname = ANY (%(clients)s::text[])
), relation AS (
    SELECT c.oid, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
        format('%%I.%%I', n.nspname, c.relname) AS name,
        n.nspname = ANY (%(schemas)s::text[]) AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) AS exposed,
        EXISTS (
            SELECT FROM unnest(%(tables)s::text[]) AS given
            WHERE parse_ident(given) = ARRAY[n.nspname::text, c.relname::text]
        ) AS named
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
), grantee AS (
    -- One column is enough to reach a table, and so is a privilege that only writes.
    SELECT relation.oid, acl.grantee
    FROM relation, aclexplode(coalesce(relacl, acldefault('r', relowner))) AS acl
    WHERE exposed
    UNION
    SELECT relation.oid, acl.grantee
    FROM relation JOIN pg_attribute a ON a.attrelid = relation.oid, aclexplode(a.attacl) AS acl
    WHERE exposed
), judged AS (
    SELECT relation.*,
        EXISTS (
            SELECT FROM grantee
            WHERE grantee.oid = relation.oid
            AND (grantee = 0 OR EXISTS (SELECT FROM client WHERE pg_has_role(client.oid, grantee, 'MEMBER')))
        ) AS reachable
    FROM relation
)
SELECT
    'rls-enabled' AS id,
    CASE WHEN relrowsecurity THEN 'major' ELSE 'critical' END AS severity,
    name AS object,
    CASE WHEN relrowsecurity THEN 'row level security does not bind the owner' ELSE 'row level security is off' END
        || CASE WHEN reachable THEN '; clients hold a privilege on it' ELSE '' END AS detail,
    concat_ws(' ',
        CASE WHEN NOT relrowsecurity THEN format('ALTER TABLE %%s ENABLE ROW LEVEL SECURITY;', name) END,
        CASE WHEN NOT relforcerowsecurity THEN format('ALTER TABLE %%s FORCE ROW LEVEL SECURITY;', name) END
    ) AS remedy,
    concat('rls-enabled:', name, CASE WHEN relrowsecurity THEN ':force' END) AS key
FROM judged
WHERE named OR reachable
ORDER BY relrowsecurity, name
