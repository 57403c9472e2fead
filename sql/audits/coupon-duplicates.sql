-- id: coupon-duplicates
-- title: no two coupons have the same code
-- severity: critical
-- why: Two coupons with one code are redeemed twice and paid for once. A unique index normally forbids it; an index that was
--   dropped or damaged does not, so the rows themselves are counted.
-- remedy: revoke all but the first of them, then restore the unique index on coupons (code_hash)
-- requires: unfiltered public.coupons, column public.coupons.code_hash
SELECT
    'coupon-duplicates' AS id,
    'critical' AS severity,
    -- A digest of the digest: should the column hold codes, none of them is shown.
    'code ' || left(encode(sha256(convert_to(twice.code_hash, 'UTF8')), 'hex'), 16) AS object,
    format('%%s coupons with one code: %%s', number,
        array_to_string(ARRAY(
            SELECT id::text FROM public.coupons AS c WHERE c.code_hash = twice.code_hash ORDER BY id::text LIMIT 5
        ), ', ')) AS detail,
    'UPDATE public.coupons SET status = ''revoked'' WHERE id = ...; then REINDEX or add the unique constraint' AS remedy,
    'coupon-duplicates:' || left(encode(sha256(convert_to(twice.code_hash, 'UTF8')), 'hex'), 16) AS key
FROM (
    SELECT code_hash, count(*) AS number FROM public.coupons GROUP BY code_hash HAVING count(*) > 1
) AS twice
WHERE code_hash IS NOT NULL
ORDER BY number DESC, code_hash
