-- id: sequences
-- title: how sequences step, and the tables whose column each of them fills
-- given: sequences
SELECT s.seqrelid, s.seqincrement, s.seqcycle, owner.refobjid, owner.attname
FROM pg_sequence AS s
LEFT JOIN LATERAL (
    SELECT d.refobjid, a.attname::text
    FROM pg_depend AS d
    JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.refclassid = 'pg_class'::regclass
    AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    AND coalesce(nullif(t.typbasetype, 0), t.oid) = ANY ('{int2,int4,int8}'::regtype[])
    LIMIT 1
) AS owner ON true
WHERE s.seqrelid = ANY (%(sequences)s::oid[])
