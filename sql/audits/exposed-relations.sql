-- id: exposed-relations
-- title: no materialized view or foreign table is open to clients
-- severity: critical
-- why: Neither knows row level security, so a client that may read one reads all of it.
-- remedy: REVOKE ALL ON ... FROM PUBLIC, anon, authenticated; or move it to a schema that the API does not expose
-- requires: role {clients}, schema {schemas}
-- parameter accepted: text[] = []; relations (`schema.name`) that hold nothing private and were reviewed
-- parameter schemas: text[] = ["public"]; schemas that the API exposes
-- parameter clients: text[] = ["anon", "authenticated"]; roles that requests of clients run as
WITH client AS (
    SELECT oid FROM pg_roles WHERE rolname = ANY (%(clients)s::text[])
), relation AS (
    SELECT c.oid, c.relkind, c.relacl, c.relowner, format('%%I.%%I', n.nspname, c.relname) AS name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s::text[]) AND c.relkind IN ('m', 'f')
), grantee AS (
    SELECT relation.oid, acl.grantee FROM relation, aclexplode(coalesce(relacl, acldefault('r', relowner))) AS acl
    UNION
    SELECT relation.oid, acl.grantee
    FROM relation JOIN pg_attribute a ON a.attrelid = relation.oid, aclexplode(a.attacl) AS acl
)
SELECT
    'exposed-relations' AS id,
    'critical' AS severity,
    name AS object,
    CASE relkind WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END || ' that clients can reach' AS detail,
    format('REVOKE ALL ON %%s FROM PUBLIC, %%s;', name, array_to_string(%(clients)s::text[], ', ')) AS remedy,
    'exposed-relations:' || name AS key
FROM relation
WHERE name <> ALL (%(accepted)s::text[])
AND EXISTS (
    SELECT FROM grantee
    WHERE grantee.oid = relation.oid
    AND (grantee = 0 OR EXISTS (SELECT FROM client WHERE pg_has_role(client.oid, grantee, 'MEMBER')))
)
ORDER BY name
