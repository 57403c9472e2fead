-- id: rewritten
-- title: which tables were emptied, rewritten or dropped after the snapshot of this transaction was taken
-- why: TRUNCATE, and an ALTER TABLE that writes a table anew, leave nothing in it that an older snapshot can see, so that an
--   audit would find nothing. The catalogue of the snapshot then names another file than the one that is in use.
-- parameter names: text[]; the tables with their schema
WITH RECURSIVE relation AS (
    SELECT c.oid
    FROM unnest(%(names)s::text[]) AS given (name)
    JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
        ON ARRAY[n.nspname::text, c.relname::text] = parse_ident(given.name)
    UNION
    SELECT inhrelid FROM pg_inherits JOIN relation ON inhparent = relation.oid
)
SELECT format('%%I.%%I', n.nspname, c.relname)
FROM relation
JOIN pg_class c USING (oid)
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE pg_relation_filenode(c.oid) IS DISTINCT FROM nullif(c.relfilenode, 0)
ORDER BY 1
