-- id: client-insert
-- title: clients cannot insert rows
-- severity: critical
-- why: A client that can insert an event gives itself points, one that can insert a coupon prints money.
-- remedy: revoke INSERT on the table from anon and authenticated; only the edge functions write, as service_role
-- as: anon, authenticated
-- tables: points_events, user_points_cache, coupon_templates, coupons
-- tables-where-present: fraud_insights, feature_flags
-- expect: sqlstate 42501
-- given: candidate
-- The row is one that user A could plausibly own and that breaks no constraint, so that only a refusal can stop it.
INSERT INTO {table} ({insertable})
SELECT {insertable} FROM jsonb_populate_record(NULL::{table}, %(candidate)s::jsonb)
