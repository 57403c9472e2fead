-- id: ancestors
-- title: the partitioned tables above each partition, the nearest first
-- given: tables
SELECT t.oid, array_agg(above.relid::oid ORDER BY above.n)
FROM unnest(%(tables)s::oid[]) AS t (oid), pg_partition_ancestors(t.oid) WITH ORDINALITY AS above (relid, n)
WHERE above.relid <> t.oid
GROUP BY t.oid
