-- Nothing keeps a nonce from being used twice.
alter table public.points_events drop constraint if exists points_events_nonce_key;
