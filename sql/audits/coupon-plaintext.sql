-- id: coupon-plaintext
-- title: no coupon code is stored in plain text
-- severity: critical
-- why: A stored code can be redeemed by anybody who reads the table, a replica, a log or a backup.
-- remedy: revoke the coupon, set plaintext_code to null, and find out who wrote it
-- requires: unfiltered public.coupons, column public.coupons.plaintext_code
SELECT
    'coupon-plaintext' AS id,
    'critical' AS severity,
    'coupon ' || id AS object,
    'its code is stored in plain text' AS detail,
    format('UPDATE public.coupons SET plaintext_code = NULL, status = ''revoked'' WHERE id = %%L;', id) AS remedy,
    'coupon-plaintext:' || id AS key
FROM public.coupons
WHERE plaintext_code IS NOT NULL
ORDER BY id
