-- A user with validated points and no row in the cache.
insert into public.points_events
    (user_id, event_type, points_delta, validation_status, nonce, payload_hash, trust_score, validated_at)
select planted.user_id, 'habit_completed', 10, 'validated', 'planted-' || planted.user_id,
    encode(sha256(planted.user_id::text::bytea), 'hex'), 90, now()
from (select gen_random_uuid() as user_id) as planted;
