alter table public.points_events drop column channel;
