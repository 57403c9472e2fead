-- id: duplicate-payload-hash
-- title: a second event with the same payload is refused
-- severity: critical
-- why: A replay with a new nonce is still the same payload, and must not be paid again.
-- remedy: ALTER TABLE public.points_events ADD CONSTRAINT points_events_payload_hash_key UNIQUE (payload_hash);
-- as: service_role
-- tables: points_events
-- expect: sqlstate 23505 on payload_hash
-- given: fresh, row_a
-- Everything but the payload's digest is new, the user too, so nothing else can be what refuses it.
INSERT INTO {table} ({insertable})
SELECT {insertable}
FROM jsonb_populate_record(
    NULL::{table}, %(fresh)s::jsonb || jsonb_build_object('payload_hash', %(row_a)s::jsonb -> 'payload_hash')
)
