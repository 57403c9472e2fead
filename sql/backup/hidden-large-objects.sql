-- id: hidden-large-objects
-- title: large objects that this role may not read
SELECT m.oid
FROM pg_largeobject_metadata AS m
WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
AND current_setting('lo_compat_privileges') <> 'on'
AND NOT pg_has_role(m.lomowner, 'USAGE')
AND NOT EXISTS (
    SELECT FROM aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) AS a
    WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE'))
)
ORDER BY m.oid
