-- Books the decision on one event.
select public.validate_points_event(%(event_id)s::uuid, %(status)s, %(trust_score)s::integer, %(reason)s) as available_points
