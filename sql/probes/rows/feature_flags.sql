-- id: feature_flags
-- title: one flag that clients may see
-- table: public.feature_flags
-- key: name
SELECT 'pointsctl_probe_' || replace(gen_random_uuid()::text, '-', '') AS name, true AS client_visible
