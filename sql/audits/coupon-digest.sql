-- id: coupon-digest
-- title: what is stored of a coupon's code looks like a digest
-- severity: critical
-- why: A column called code_hash may hold the code itself, padded or encoded. Every row must be 64 lower-case hex digits; a
--   fixed sample of 1,000 rows must also look random, which real SHA-256 digests do.
-- remedy: store HMAC-SHA256(COUPON_SECRET, code) in hex, and revoke what was stored otherwise
-- requires: unfiltered public.coupons, column public.coupons.code_hash
WITH malformed AS (
    SELECT id, format('%%s characters, not 64 lower-case hex digits', length(code_hash)) AS reason
    FROM public.coupons
    -- The planner expects nearly every row here and would read the table. Asked for the first one only, it takes the partial
    -- index on this very condition where the schema has it, and an empty index ends the search.
    WHERE (
        SELECT id FROM public.coupons WHERE octet_length(code_hash) <> 64 OR code_hash !~ '^[0-9a-f]+$' ORDER BY id LIMIT 1
    ) IS NOT NULL
    AND (octet_length(code_hash) <> 64 OR code_hash !~ '^[0-9a-f]+$')
    UNION ALL
    SELECT id, 'there is no digest' FROM public.coupons WHERE code_hash IS NULL
), sampled AS (
    SELECT id, code_hash
    FROM (SELECT id, code_hash FROM public.coupons ORDER BY id LIMIT 1000) AS first
    WHERE octet_length(code_hash) = 64 AND code_hash ~ '^[0-9a-f]+$'
), patterned AS (
    -- 64 random digits hold fewer than nine different ones, or a run of twelve, less than once in a thousand million.
    SELECT id, 'it does not look random: too few different digits, a long run, or repeated halves' AS reason
    FROM sampled
    WHERE code_hash ~ '(.)\1{11}' OR left(code_hash, 32) = right(code_hash, 32)
    OR (SELECT count(*) FROM unnest(string_to_array('0123456789abcdef', NULL)) AS digit WHERE strpos(code_hash, digit) > 0) < 9
), shared AS (
    SELECT min(id::text)::uuid AS id, 'its first 8 digits are those of every tenth coupon or more: a counter, or padding' AS reason
    FROM sampled
    GROUP BY left(code_hash, 8)
    HAVING count(*) >= 5 AND count(*) * 10 >= (SELECT count(*) FROM sampled)
    UNION
    SELECT min(id::text)::uuid, 'its last 8 digits are those of every tenth coupon or more: a counter, or padding'
    FROM sampled
    GROUP BY right(code_hash, 8)
    HAVING count(*) >= 5 AND count(*) * 10 >= (SELECT count(*) FROM sampled)
)
SELECT
    'coupon-digest' AS id,
    'critical' AS severity,
    'coupon ' || id AS object,
    string_agg(reason, '; ' ORDER BY reason) AS detail,
    'store HMAC-SHA256(COUPON_SECRET, code) in hex; revoke this coupon' AS remedy,
    'coupon-digest:' || id AS key
FROM (SELECT * FROM malformed UNION ALL SELECT * FROM patterned UNION ALL SELECT * FROM shared) AS odd
GROUP BY id
ORDER BY id
