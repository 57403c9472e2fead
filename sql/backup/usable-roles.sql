-- id: usable-roles
-- title: which of the named roles this server has, and whether the connection's own role may act as them
-- parameter roles: text[]; names of roles
SELECT r.rolname::text, pg_has_role(current_user, r.oid, 'MEMBER')
FROM pg_roles r WHERE r.rolname = ANY (%(roles)s::text[])
