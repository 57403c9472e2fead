-- id: duplicate-nonce
-- title: a second event with the same nonce is refused
-- severity: critical
-- why: A request that is sent twice must not be paid twice, even when both arrive at the same moment.
-- remedy: ALTER TABLE public.points_events ADD CONSTRAINT points_events_nonce_key UNIQUE (nonce);
-- as: service_role
-- tables: points_events
-- expect: sqlstate 23505 on nonce
-- given: fresh, row_a
-- Everything but the nonce is new, the user too, so nothing else can be what refuses it.
INSERT INTO {table} ({insertable})
SELECT {insertable}
FROM jsonb_populate_record(
    NULL::{table}, %(fresh)s::jsonb || jsonb_build_object('nonce', %(row_a)s::jsonb -> 'nonce')
)
