-- id: left-out
-- title: what a dump by this role does not hold, beside the rows of foreign tables
-- given: left_out_schemas, left_out_extensions
SELECT format('schema %%I with %%s tables', n.nspname,
    (SELECT count(*) FROM pg_class AS c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')))
FROM pg_namespace AS n WHERE n.nspname = ANY (%(left_out_schemas)s::text[])
UNION ALL
SELECT format('extension %%I', extname) FROM pg_extension WHERE extname = ANY (%(left_out_extensions)s::text[])
UNION ALL
-- What an extension has made is the extension's to make again, and nobody makes the rows again that people have put into it.
SELECT format('rows of the table %%I.%%I, which belongs to the extension %%I', n.nspname, c.relname, e.extname)
FROM pg_extension AS e
JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND pg_relation_size(c.oid) > 0 AND c.oid <> ALL (coalesce(e.extconfig, '{}'))
AND e.extname <> ALL (%(left_out_extensions)s::text[]) AND n.nspname <> ALL (%(left_out_schemas)s::text[])
UNION ALL
-- pg_dump warns of this, and returns 0.
SELECT format('subscription %%I, which only a superuser may dump', s.subname)
FROM pg_subscription AS s JOIN pg_database AS d ON d.oid = s.subdbid
WHERE d.datname = current_database() AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
ORDER BY 1
