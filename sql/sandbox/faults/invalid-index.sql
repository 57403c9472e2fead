-- An index that was given up half-way, as a failed CREATE INDEX CONCURRENTLY leaves it: writers pay for it, nobody uses it.
create index if not exists points_events_event_type_idx on public.points_events (event_type, created_at);
reset role;
update pg_catalog.pg_index set indisvalid = false where indexrelid = 'public.points_events_event_type_idx'::regclass;
