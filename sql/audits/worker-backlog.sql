-- id: worker-backlog
-- title: the validation worker keeps up
-- severity: major
-- why: Events that wait for more than an hour mean a worker that stands still or is too slow; people wait for their points.
-- remedy: look at the validation worker's logs, start it again, or run more of them
-- requires: unfiltered public.points_events
-- judges: the present
-- parameter max: integer = 100; fewer events than this may wait for more than an hour
WITH waiting AS (
    SELECT count(*) AS number, min(created_at) AS oldest
    FROM public.points_events
    WHERE validation_status = 'pending' AND created_at < now() - interval '1 hour'
)
SELECT
    'worker-backlog' AS id,
    'major' AS severity,
    'public.points_events' AS object,
    format('%%s events wait for more than an hour', number)
        || coalesce(', the oldest since ' || to_char(oldest, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '') AS detail,
    CASE WHEN counted THEN 'look at the validation worker: its logs, its schedule, how many of them run' ELSE '' END AS remedy,
    CASE WHEN counted THEN 'worker-backlog:public.points_events' ELSE 'worker-backlog' END AS key
FROM waiting, unnest(ARRAY[false, true]) AS counted
WHERE NOT counted OR number >= %(max)s::integer
ORDER BY counted
