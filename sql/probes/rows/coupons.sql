-- id: coupons
-- title: one issued coupon of the template made before it
-- table: public.coupons
-- key: id
-- after: coupon_templates
-- given: user, made
SELECT
    gen_random_uuid() AS id,
    (%(made)s::jsonb -> 'coupon_templates' ->> 'id')::uuid AS template_id,
    %(user)s::uuid AS user_id,
    encode(sha256(convert_to(gen_random_uuid()::text, 'UTF8')), 'hex') AS code_hash,
    'issued' AS status
