-- id: client-insert
-- title: clients cannot insert rows
-- severity: critical
-- why: A client that can insert an event gives itself points, one that can insert a coupon prints money.
-- remedy: revoke INSERT on the table from anon and authenticated; only the edge functions write, as service_role
-- as: anon, authenticated
-- tables: points_events, user_points_cache, coupon_templates, coupons
-- tables-where-present: fraud_insights, feature_flags
-- expect: sqlstate 42501
-- closed-to-clients: INSERT
-- given: candidate
-- The row is one that user A would own, so that a policy for own rows lets it pass. Both refusals (no privilege, no policy)
-- come before any constraint is looked at; another error means that the row got further than it should.
INSERT INTO {table} ({insertable})
SELECT {insertable} FROM jsonb_populate_record(NULL::{table}, %(candidate)s::jsonb)
