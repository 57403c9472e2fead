-- id: memberships
-- title: which of the named roles belongs to which
-- why: A policy for a group concerns its members. Several grants of one membership add up to what the member may do.
-- parameter roles: text[]; names of roles
SELECT g.rolname::text, u.rolname::text, bool_or(m.admin_option),
    -- Since 16 a membership has options of its own; before, the member's `inherit` decided, and SET ROLE was always allowed.
    coalesce(bool_or((to_jsonb(m) ->> 'inherit_option')::boolean), bool_or(u.rolinherit)),
    coalesce(bool_or((to_jsonb(m) ->> 'set_option')::boolean), true)
FROM pg_auth_members m
JOIN pg_roles g ON g.oid = m.roleid
JOIN pg_roles u ON u.oid = m.member
WHERE u.rolname = ANY (%(roles)s::text[]) AND g.rolname = ANY (%(roles)s::text[])
GROUP BY g.rolname, u.rolname
ORDER BY g.rolname, u.rolname
