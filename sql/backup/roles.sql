-- id: roles
-- title: the roles that this database's objects name, and the groups that those belong to
-- why: A copy can only be made where these roles exist; nothing but their names and attributes is read, never a password.
WITH RECURSIVE here AS (
    SELECT oid, datdba FROM pg_database WHERE datname = current_database()
), wanted AS (
    -- The server keeps this list itself: owners, grantees and grantors, roles of policies and of default privileges.
    SELECT d.refobjid AS oid
    FROM pg_shdepend d, here
    WHERE d.refclassid = 'pg_authid'::regclass
        AND (d.dbid = here.oid OR d.dbid = 0 AND d.classid = 'pg_database'::regclass AND d.objid = here.oid)
    UNION
    SELECT datdba FROM here
    UNION
    -- The superuser of initdb owns the system's own objects and is in no such list.
    SELECT 10::oid
    UNION
    SELECT m.roleid FROM pg_auth_members m JOIN wanted w ON w.oid = m.member
)
SELECT r.rolname::text, r.oid = 10, r.oid = here.datdba,
    EXISTS (
        SELECT FROM pg_shdepend n
        WHERE n.refclassid = 'pg_authid'::regclass AND n.refobjid = r.oid AND n.dbid = here.oid
    ),
    EXISTS (
        SELECT FROM pg_shdepend o
        WHERE o.refclassid = 'pg_authid'::regclass AND o.refobjid = r.oid AND o.deptype = 'o' AND o.dbid = here.oid
    ),
    r.rolsuper, r.rolbypassrls, r.rolcreatedb, r.rolcreaterole, r.rolinherit, r.rolreplication
FROM pg_roles r JOIN wanted w ON w.oid = r.oid, here
ORDER BY r.rolname
