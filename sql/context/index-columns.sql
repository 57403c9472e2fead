-- id: index-columns
-- title: the key columns of a unique index over all rows
-- why: A duplicate that is refused by another index than the one that was tested proves nothing.
-- parameter schema: text; the schema of the table
-- parameter index: text; the name of the index or constraint
SELECT array_agg(a.attname::text ORDER BY k.place)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE n.nspname = %(schema)s::text AND c.relname = %(index)s::text AND k.place <= i.indnkeyatts AND i.indpred IS NULL
