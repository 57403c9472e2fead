-- id: service-role-write
-- title: the edge functions can insert and update
-- severity: critical
-- why: Policies and revoked grants that stop clients must not stop the functions, or no event is ever accepted.
-- remedy: grant INSERT and UPDATE on the table to service_role, which needs BYPASSRLS as well
-- as: service_role
-- tables: points_events, user_points_cache, coupon_templates, coupons
-- tables-where-present: fraud_insights, feature_flags
-- aims: a
-- expect: rows 1
-- given: fresh, target
WITH inserted AS (
    INSERT INTO {table} ({insertable})
    SELECT {insertable} FROM jsonb_populate_record(NULL::{table}, %(fresh)s::jsonb)
)
UPDATE {table} SET ({updatable}) = (SELECT {updatable} FROM jsonb_populate_record(NULL::{table}, %(target)s::jsonb))
WHERE CURRENT OF pointsctl_target
