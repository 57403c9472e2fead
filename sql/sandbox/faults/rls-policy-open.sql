-- A policy that lets every user read every event, without the word true in it.
drop policy if exists points_events_select_all on public.points_events;
create policy points_events_select_all on public.points_events for select to authenticated using (user_id = user_id);
