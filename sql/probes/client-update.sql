-- id: client-update
-- title: clients cannot change rows, neither their own nor another user's
-- severity: critical
-- why: A client that can update its balance or the state of its events needs no points.
-- remedy: revoke UPDATE on the table and its columns from anon and authenticated
-- as: anon, authenticated
-- tables: points_events, user_points_cache, coupon_templates, coupons
-- tables-where-present: fraud_insights, feature_flags
-- aims: a, b
-- expect: sqlstate 42501 or rows 0
-- closed-to-clients: UPDATE
-- given: target
-- A cursor names the one row, so nothing has to be read: whoever may write and not read is caught too, and however open the
-- policies are, no other row is touched.
UPDATE {table} SET ({updatable}) = (SELECT {updatable} FROM jsonb_populate_record(NULL::{table}, %(target)s::jsonb))
WHERE CURRENT OF pointsctl_target
