-- The oldest events that wait, or the one asked for, with how busy their user was in the hour before.
-- SKIP LOCKED lets several workers share the queue.
with locked as materialized (
    select id, user_id, created_at
    from public.points_events
    where case when %(event_id)s::uuid is null then validation_status = 'pending'
               else id = %(event_id)s::uuid and validation_status in ('pending', 'review') end
    order by created_at
    limit %(limit)s
    for update skip locked
)
select locked.id::text, locked.user_id::text,
    (
        select count(*) from public.points_events as other
        where other.user_id = locked.user_id and other.id <> locked.id
            and other.created_at between locked.created_at - interval '1 hour' and locked.created_at
    ) as events_in_hour_before
from locked
order by locked.created_at
