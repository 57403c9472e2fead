-- Buys a coupon, all or nothing.
select public.redeem_coupon(%(user_id)s::uuid, %(template_id)s::uuid, %(code_hash)s, %(nonce)s, %(payload_hash)s,
    now() + interval '90 days')::text as coupon_id
