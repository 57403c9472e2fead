-- id: checked-relations
-- title: how many indexes and tables pg_amcheck looks at in this database, and how many indexes it knows nothing of
SELECT count(*) FILTER (WHERE c.relkind = 'i' AND a.amname = 'btree' AND i.indisready AND i.indisvalid),
    count(*) FILTER (WHERE c.relkind <> 'i'),
    count(*) FILTER (WHERE c.relkind = 'i' AND a.amname <> 'btree')
FROM pg_class c
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_am a ON a.oid = c.relam
WHERE c.relkind IN ('i', 'r', 'm', 't', 'S') AND c.relpersistence <> 't'
