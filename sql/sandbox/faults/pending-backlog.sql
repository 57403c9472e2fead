-- A validation worker that fell asleep: 150 events have waited for two hours and more.
insert into public.points_events (user_id, event_type, points_delta, nonce, payload_hash, created_at, updated_at)
select planted.user_id, 'habit_completed', 10, 'planted-' || planted.user_id,
    encode(sha256(planted.user_id::text::bytea), 'hex'), planted.at, planted.at
from (
    select gen_random_uuid() as user_id, now() - interval '2 hours' - n * interval '1 second' as at
    from generate_series(1, 150) as n
) as planted;
