-- id: columns
-- title: the columns of a table that a role may insert, update or read
-- why: A privilege on one column is enough to write, so an attempt names exactly the columns that it could.
-- parameter relation: text; the table with its schema
-- parameter role: text; the role
SELECT a.attname::text,
    has_column_privilege(%(role)s::text, a.attrelid, a.attnum, 'INSERT'),
    has_column_privilege(%(role)s::text, a.attrelid, a.attnum, 'UPDATE'),
    has_column_privilege(%(role)s::text, a.attrelid, a.attnum, 'SELECT')
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ARRAY[n.nspname::text, c.relname::text] = parse_ident(%(relation)s::text)
AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
ORDER BY a.attnum
