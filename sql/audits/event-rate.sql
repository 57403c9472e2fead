-- id: event-rate
-- title: events arrive
-- severity: major
-- why: A system that nobody can reach has no errors either. No event in an hour means that submission is broken or switched off.
-- remedy: submit one event by hand and follow it; check the flag, the functions and their logs
-- requires: unfiltered public.points_events
-- judges: the present
-- parameter minimum: integer = 1; at least this many events were created in the last hour
WITH arrived AS (
    SELECT count(*) AS number FROM public.points_events
    WHERE created_at >= now() - interval '1 hour' AND created_at <= now()
)
SELECT
    'event-rate' AS id,
    'major' AS severity,
    'public.points_events' AS object,
    format('%%s events in the last hour', number) AS detail,
    CASE WHEN counted THEN 'submit one event by hand and follow it; check the flag, the functions and their logs' ELSE '' END AS remedy,
    CASE WHEN counted THEN 'event-rate:public.points_events' ELSE 'event-rate' END AS key
FROM arrived, unnest(ARRAY[false, true]) AS counted
WHERE NOT counted OR number < %(minimum)s::integer
ORDER BY counted
