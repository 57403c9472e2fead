-- The few rows that the reference points service needs before its first request. Safe to run again.
insert into public.coupon_templates (id, name, cost_points, max_redemptions, valid_from) values
    ('00000000-0000-4000-8000-000000000001', 'coffee', 50, null, '2025-01-01T00:00:00Z'),
    ('00000000-0000-4000-8000-000000000002', 'cinema ticket', 400, null, '2025-01-01T00:00:00Z'),
    ('00000000-0000-4000-8000-000000000003', 'weekend away', 5000, 1000, '2025-01-01T00:00:00Z')
on conflict do nothing;

insert into public.feature_flags (name, enabled, percentage, client_visible) values
    ('points_system', false, 0, true),
    ('fraud_rules_v2', false, 0, false)
on conflict do nothing;
