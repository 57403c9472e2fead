-- id: scattered
-- title: tables partitioned by the hash of an enum, whose rows a restore may put into other partitions
-- why: The hash of an enum is one of its oids, which a restore makes anew. pg_dump loads such rows through the topmost table.
SELECT partrelid FROM pg_partitioned_table
WHERE partstrat = 'h' AND EXISTS (
    SELECT FROM pg_opclass WHERE oid = ANY (partclass::oid[]) AND opcintype = 'anyenum'::regtype
)
