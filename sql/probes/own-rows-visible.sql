-- id: own-rows-visible
-- title: a user sees their own rows
-- severity: major
-- why: Policies that hide everything pass every other test, and the app shows nobody their points.
-- remedy: grant SELECT to authenticated and make a policy USING (user_id = (SELECT auth.uid()))
-- as: authenticated
-- tables: points_events, user_points_cache, coupons
-- expect: rows 1
-- given: user_a
SELECT FROM {table} WHERE user_id = %(user_a)s::uuid
