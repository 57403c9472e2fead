-- id: large-objects
-- title: number, bytes and digests of the large objects after one oid, a hundred at a time
-- why: The pages of a large object are readable for superusers only, and a hole in it is stored as nothing; what it reads as
--   is the same on both sides. One slice at a time is in memory. As with rows, each hash goes through the hash function once
--   more before it is added up, else what is swapped leaves the sum as it was.
-- given: after
WITH batch AS (
    SELECT oid, lomowner, coalesce(lomacl, acldefault('L', lomowner)) AS acl
    FROM pg_largeobject_metadata WHERE oid > %(after)s::oid ORDER BY oid LIMIT 100
)
SELECT max(batch.oid), count(*), coalesce(sum(content.bytes), 0)::bigint,
    coalesce(sum(hash_record_extended(ROW(int8send(
        hash_record_extended(ROW(batch.oid, int8send(content.bytes), numeric_send(content.digest)), 0)
    )), 0)), 0)::text,
    coalesce(sum(hash_record_extended(ROW(int8send(
        hash_record_extended(ROW(batch.oid, pg_get_userbyid(lomowner), access.list), 0)
    )), 0)), 0)::text
FROM batch, LATERAL (
    WITH RECURSIVE slice AS (
        SELECT 0::bigint AS n, lo_get(batch.oid, 0, 1048576) AS data
        UNION ALL
        SELECT n + 1, lo_get(batch.oid, (n + 1) * 1048576, 1048576) FROM slice WHERE octet_length(data) = 1048576
    )
    SELECT sum(octet_length(data))::bigint AS bytes,
        sum(hash_record_extended(ROW(int8send(hash_record_extended(ROW(int8send(n), data), 0))), 0)) AS digest
    FROM slice
) AS content, LATERAL (
    SELECT coalesce(string_agg(format('%%I %%I %%s %%s', pg_get_userbyid(grantor),
        CASE WHEN grantee = 0 THEN 'public' ELSE pg_get_userbyid(grantee) END, privilege_type, is_grantable), ', '
        ORDER BY pg_get_userbyid(grantor), grantee = 0, pg_get_userbyid(grantee), privilege_type), '') AS list
    FROM aclexplode(batch.acl)
) AS access
