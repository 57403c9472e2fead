select not exists (select from public.points_events where channel is distinct from 'app') as every_event_has_its_channel;
