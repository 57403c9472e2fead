-- Takes an event into the queue of the validation worker.
insert into public.points_events (user_id, event_type, points_delta, nonce, payload_hash, metadata)
values (%(user_id)s, %(event_type)s, %(points_delta)s, %(nonce)s, %(payload_hash)s, %(metadata)s::jsonb)
returning id::text, validation_status, points_delta
