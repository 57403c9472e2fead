-- id: points_events
-- title: one event that waits for validation
-- table: public.points_events
-- key: id
-- given: user
SELECT
    gen_random_uuid() AS id,
    %(user)s::uuid AS user_id,
    'pointsctl_probe' AS event_type,
    1 AS points_delta,
    'pending' AS validation_status,
    'pointsctl-' || gen_random_uuid() AS nonce,
    encode(sha256(convert_to(gen_random_uuid()::text, 'UTF8')), 'hex') AS payload_hash
