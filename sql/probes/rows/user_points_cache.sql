-- id: user_points_cache
-- title: one user's balance
-- table: public.user_points_cache
-- key: user_id
-- given: user
SELECT %(user)s::uuid AS user_id, 1 AS available_points
