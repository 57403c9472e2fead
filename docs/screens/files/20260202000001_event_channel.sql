-- Where an event came from; those of before came from the app.
alter table public.points_events add column channel text default 'app';
alter table public.points_events
  add constraint points_events_channel_known check (channel in ('app', 'web'));
