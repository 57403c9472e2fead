-- id: rls-partitions
-- title: partitions and child tables are protected like the table above them
-- severity: critical
-- why: A partition is a table of its own. It does not inherit row level security, and whoever can name it asks it directly.
-- remedy: ALTER TABLE ... ENABLE ROW LEVEL SECURITY; ALTER TABLE ... FORCE ROW LEVEL SECURITY; for each partition
-- requires: role {clients}, schema {schemas}, table {tables}
-- parameter tables: text[] = ["public.points_events", "public.user_points_cache", "public.coupons", "public.coupon_templates"];
--   tables that must be protected whether or not a client can reach them
-- parameter schemas: text[] = ["public"]; schemas that the API exposes
-- parameter clients: text[] = ["anon", "authenticated"]; roles that requests of clients run as
WITH RECURSIVE client AS (
    SELECT oid FROM pg_roles WHERE rolname = ANY (%(clients)s::text[])
), parent AS (
    SELECT c.oid, n.nspname, c.relname, c.relrowsecurity
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid IN (SELECT inhparent FROM pg_inherits) AND c.relkind IN ('r', 'p')
), root AS (
    SELECT oid FROM parent
    WHERE (relrowsecurity AND nspname = ANY (%(schemas)s::text[]))
    OR EXISTS (
        SELECT FROM unnest(%(tables)s::text[]) AS given WHERE parse_ident(given) = ARRAY[nspname::text, relname::text]
    )
), below AS (
    SELECT inhrelid AS oid FROM pg_inherits JOIN root ON inhparent = root.oid
    UNION
    SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid
), child AS (
    SELECT c.oid, c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.relowner,
        format('%%I.%%I', n.nspname, c.relname) AS name,
        inhparent::regclass::text AS above,
        c.oid IN (SELECT oid FROM below) AS protected_above,
        n.nspname = ANY (%(schemas)s::text[]) AS exposed
    FROM pg_inherits
    JOIN pg_class c ON c.oid = inhrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
), grantee AS (
    SELECT child.oid, acl.grantee
    FROM child, aclexplode(coalesce(relacl, acldefault('r', relowner))) AS acl
    UNION
    SELECT child.oid, acl.grantee
    FROM child JOIN pg_attribute a ON a.attrelid = child.oid, aclexplode(a.attacl) AS acl
), judged AS (
    SELECT child.*,
        EXISTS (
            SELECT FROM grantee
            WHERE grantee.oid = child.oid
            AND (grantee = 0 OR EXISTS (SELECT FROM client WHERE pg_has_role(client.oid, grantee, 'MEMBER')))
        ) AS reachable
    FROM child
)
SELECT
    'rls-partitions' AS id,
    CASE WHEN relrowsecurity THEN 'major' ELSE 'critical' END AS severity,
    name AS object,
    concat(
        CASE WHEN relrowsecurity THEN 'row level security does not bind the owner' ELSE 'row level security is off' END,
        '; child of ', above,
        CASE WHEN reachable THEN '; clients hold a privilege on it' END
    ) AS detail,
    concat_ws(' ',
        CASE WHEN NOT relrowsecurity THEN format('ALTER TABLE %%s ENABLE ROW LEVEL SECURITY;', name) END,
        CASE WHEN NOT relforcerowsecurity THEN format('ALTER TABLE %%s FORCE ROW LEVEL SECURITY;', name) END
    ) AS remedy,
    concat('rls-partitions:', name, CASE WHEN relrowsecurity THEN ':force' END) AS key
FROM judged
WHERE protected_above OR (exposed AND reachable)
ORDER BY relrowsecurity, name
