-- Notes why an event was not simply validated.
insert into public.fraud_insights (user_id, event_id, signal, score)
values (%(user_id)s::uuid, %(event_id)s::uuid, %(signal)s, %(score)s)
