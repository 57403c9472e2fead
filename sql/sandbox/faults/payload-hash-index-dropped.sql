-- Nothing keeps one payload from being counted twice.
alter table public.points_events drop constraint if exists points_events_payload_hash_key;
