-- A user whose cached balance is 7 points more than the ledger's.
with event as (
    insert into public.points_events
        (user_id, event_type, points_delta, validation_status, nonce, payload_hash, trust_score, validated_at)
    select planted.user_id, 'habit_completed', 10, 'validated', 'planted-' || planted.user_id,
        encode(sha256(planted.user_id::text::bytea), 'hex'), 90, now()
    from (select gen_random_uuid() as user_id) as planted
    returning user_id, points_delta
)
insert into public.user_points_cache (user_id, available_points, lifetime_points)
    select user_id, points_delta + 7, points_delta from event;
