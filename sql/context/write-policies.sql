-- id: write-policies
-- title: the policies by which a role that holds the privilege may write rows of a table
-- why: A policy that refuses the row of an attempt (`points_delta > 100`) lets another row pass, so the refusal proves nothing.
-- parameter relation: text; the table with its schema
-- parameter role: text; the role
-- parameter command: text; INSERT, UPDATE or DELETE
SELECT p.polname::text
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ARRAY[n.nspname::text, c.relname::text] = parse_ident(%(relation)s::text)
AND p.polpermissive
AND p.polcmd IN ('*', CASE %(command)s::text WHEN 'INSERT' THEN 'a' WHEN 'UPDATE' THEN 'w' ELSE 'd' END)
AND EXISTS (
    SELECT FROM unnest(p.polroles) AS granted
    WHERE CASE granted WHEN 0 THEN true ELSE pg_has_role(%(role)s::name, granted, 'MEMBER') END
)
AND pg_get_expr(CASE %(command)s::text WHEN 'INSERT' THEN coalesce(p.polwithcheck, p.polqual) ELSE p.polqual END, p.polrelid)
    IS DISTINCT FROM 'false'
AND CASE %(command)s::text
    WHEN 'DELETE' THEN has_table_privilege(%(role)s::name, c.oid, 'DELETE')
    ELSE has_any_column_privilege(%(role)s::name, c.oid, %(command)s::text)
END
ORDER BY 1
