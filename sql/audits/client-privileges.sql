-- id: client-privileges
-- title: clients hold no privilege beyond the declared ones
-- severity: critical
-- why: Supabase gives its client roles everything on every new table. Row level security does not stop TRUNCATE, and a
--   forgotten INSERT or UPDATE needs only one loose policy to become free points.
-- remedy: REVOKE ... ON ... FROM ...; then add what clients really need to the audit's parameter `allowed`
-- requires: role {clients}, schema {schemas}
-- parameter allowed: text[] = ["authenticated:SELECT:public.points_events", "authenticated:SELECT:public.user_points_cache", "authenticated:SELECT:public.coupon_templates", "authenticated:SELECT:public.feature_flags", "authenticated:SELECT:public.coupons(id, template_id, user_id, event_id, status, issued_at, redeemed_at, expires_at)"];
--   what clients may do, each written `role:PRIVILEGE:schema.table` or `role:PRIVILEGE:schema.table(column, ...)`
-- parameter schemas: text[] = ["public"]; schemas that the API exposes
-- parameter clients: text[] = ["anon", "authenticated"]; roles that requests of clients run as
WITH client AS (
    SELECT oid, rolname::text AS name FROM pg_roles WHERE rolname = ANY (%(clients)s::text[])
), declared AS (
    SELECT part[1] AS client, part[2] AS privilege, parse_ident(part[3]) AS relation, btrim(col) AS col
    FROM unnest(%(allowed)s::text[]) AS given,
        regexp_match(given, '^\s*([^:]+):\s*([A-Z]+)\s*:\s*([^(]+?)\s*(?:\((.*)\))?\s*$') AS part,
        unnest(CASE WHEN part[4] IS NULL THEN ARRAY[NULL] ELSE string_to_array(part[4], ',') END) AS col
), relation AS (
    SELECT c.oid, c.relowner, c.relacl, c.relkind, n.nspname::text AS schema, c.relname::text AS name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), granted AS (
    SELECT oid, NULL::text AS col, acl.grantee, acl.privilege_type AS privilege
    FROM relation,
        aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) AS acl
    UNION ALL
    -- An owner gives itself what it does not hold, and switches row level security off.
    SELECT oid, NULL, relowner, 'OWNER' FROM relation
    UNION ALL
    SELECT relation.oid, a.attname::text, acl.grantee, acl.privilege_type
    FROM relation JOIN pg_attribute a ON a.attrelid = relation.oid AND NOT a.attisdropped, aclexplode(a.attacl) AS acl
), held AS (
    SELECT DISTINCT client.name AS client, granted.oid, granted.col, granted.privilege,
        CASE
            WHEN grantee = 0 THEN ' through PUBLIC'
            WHEN grantee <> client.oid THEN ' through ' || grantee::regrole::text
            ELSE ''
        END AS way
    FROM client JOIN granted ON CASE grantee WHEN 0 THEN true ELSE pg_has_role(client.oid, grantee, 'MEMBER') END
), excess AS (
    SELECT held.*, relation.schema, relation.name, relation.relkind
    FROM held JOIN relation USING (oid)
    WHERE NOT EXISTS (
        SELECT FROM declared
        WHERE declared.client = held.client AND declared.privilege = held.privilege
        AND declared.relation = ARRAY[relation.schema, relation.name]
        AND (declared.col IS NULL OR declared.col = held.col)
    )
), finding AS (
    SELECT
        CASE WHEN bool_or(privilege NOT IN ('SELECT', 'USAGE')) THEN 'critical' ELSE 'major' END AS severity,
        format('%%I.%%I', schema, name) || coalesce('(' || quote_ident(col) || ')', '') AS object,
        format('%%s has %%s%%s', client, string_agg(DISTINCT privilege, ', ' ORDER BY privilege), way) AS detail,
        CASE WHEN bool_or(privilege = 'OWNER') THEN format('ALTER TABLE %%I.%%I OWNER TO ...;', schema, name) ELSE format('REVOKE %%s ON %%s%%I.%%I FROM %%s;',
            string_agg(DISTINCT privilege || coalesce(' (' || quote_ident(col) || ')', ''), ', '),
            CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END, schema, name,
            CASE WHEN way = '' THEN quote_ident(client) ELSE replace(way, ' through ', '') END) END AS remedy,
        concat_ws(':', 'client-privileges', client, string_agg(DISTINCT privilege, ',' ORDER BY privilege),
            concat(schema, '.', name, '(' || col || ')')) AS key
    FROM excess
    GROUP BY client, schema, name, relkind, col, way
    UNION ALL
    -- A client that may make tables owns them, and row level security is then its own to switch off.
    SELECT 'critical', format('schema %%I', n.nspname), format('%%s may create objects in it', client.name),
        format('REVOKE CREATE ON SCHEMA %%I FROM PUBLIC, %%I;', n.nspname, client.name),
        concat_ws(':', 'client-privileges', client.name, 'CREATE', n.nspname)
    FROM client, pg_namespace n
    WHERE n.nspname = ANY (%(schemas)s::text[]) AND has_schema_privilege(client.oid, n.oid, 'CREATE')
    UNION ALL
    -- Row level security does not bind these roles, and the built-in ones hold their privileges without any grant.
    SELECT 'critical', format('role %%I', r.rolname),
        CASE
            WHEN r.oid = client.oid AND NOT (r.rolsuper OR r.rolbypassrls) THEN format('%%s may make and change roles', client.name)
            WHEN r.oid = client.oid THEN format('%%s is not bound by row level security', client.name)
            ELSE format('%%s is a member of %%s', client.name, r.rolname) END,
        CASE WHEN r.oid = client.oid THEN format('ALTER ROLE %%I NOSUPERUSER NOBYPASSRLS NOCREATEROLE;', client.name)
            ELSE format('REVOKE %%I FROM %%I;', r.rolname, client.name) END,
        concat_ws(':', 'client-privileges', client.name, 'MEMBER', r.rolname)
    FROM client JOIN pg_roles r ON pg_has_role(client.oid, r.oid, 'MEMBER')
    WHERE r.rolsuper OR r.rolbypassrls OR r.rolcreaterole
    OR (r.rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_maintain', 'pg_execute_server_program',
        'pg_read_server_files', 'pg_write_server_files') AND r.oid <> client.oid)
    ORDER BY 1, 2, 3
), coming AS (
    SELECT string_agg(DISTINCT format('%%s gives %%s', d.defaclrole::regrole, coalesce(nullif(acl.grantee, 0)::regrole::text, 'PUBLIC')),
        ', ') AS what
    FROM pg_default_acl d
    LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) AS acl
    WHERE d.defaclobjtype IN ('r', 'S') AND (d.defaclnamespace = 0 OR n.nspname = ANY (%(schemas)s::text[]))
    AND (acl.grantee = 0 OR acl.grantee IN (SELECT oid FROM client))
)
SELECT * FROM (
    SELECT 'client-privileges' AS id, 'minor' AS severity, 'default privileges' AS object,
        'on every new table: ' || what AS detail,
        'ALTER DEFAULT PRIVILEGES ... REVOKE ALL ON TABLES FROM ...; or revoke in every migration' AS remedy,
        'client-privileges' AS key
    FROM coming WHERE what IS NOT NULL
) AS note
UNION ALL
SELECT 'client-privileges', severity, object, detail, remedy, key FROM finding
