-- id: fraud_insights
-- title: one open insight about a user
-- table: public.fraud_insights
-- key: id
-- given: user
SELECT gen_random_uuid() AS id, %(user)s::uuid AS user_id, 'pointsctl_probe' AS signal, 1 AS score
