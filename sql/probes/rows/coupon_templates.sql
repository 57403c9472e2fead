-- id: coupon_templates
-- title: one coupon on offer
-- table: public.coupon_templates
-- key: id
SELECT gen_random_uuid() AS id, 'pointsctl probe ' || gen_random_uuid() AS name, 1 AS cost_points, true AS active
