-- id: cache-balance-since
-- title: the balances of users with changes since a given time equal the sums of their validated events
-- severity: critical
-- why: The whole comparison reads every event. This form asks only for users whose events or cache row changed, so it can run
--   every few minutes. Let its windows overlap by the longest transaction; a cache row that was deleted shows only in the whole.
-- remedy: find the writer that bypasses the booking functions, then set the balance to the sum of the events
-- requires: unfiltered public.points_events, unfiltered public.user_points_cache, column public.points_events.updated_at,
--   column public.user_points_cache.updated_at
-- parameter since: timestamptz; look at users whose rows changed at this time or later
WITH touched AS MATERIALIZED (
    SELECT user_id FROM public.points_events WHERE updated_at >= %(since)s::timestamptz
    UNION
    SELECT user_id FROM public.user_points_cache WHERE updated_at >= %(since)s::timestamptz
), compared AS MATERIALIZED (
    SELECT touched.user_id, cache.user_id IS NULL AS uncached, cache.available_points, ledger.points, ledger.events
    FROM touched
    -- OFFSET 0 keeps each sum a look-up of one user's events; merged with the others it becomes a scan of the table.
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(points_delta), 0) AS points, count(*) AS events
        FROM public.points_events AS e
        WHERE e.user_id = touched.user_id AND e.validation_status = 'validated'
        OFFSET 0
    ) AS ledger
    LEFT JOIN LATERAL (
        SELECT c.user_id, c.available_points FROM public.user_points_cache AS c WHERE c.user_id = touched.user_id OFFSET 0
    ) AS cache ON true
), wrong AS (
    SELECT *, abs(coalesce(available_points, 0) - points) AS difference
    FROM compared
    WHERE CASE WHEN uncached THEN events > 0 ELSE available_points IS DISTINCT FROM points END
)
SELECT id, severity, object, detail, remedy, key
FROM (
    SELECT 'cache-balance-since' AS id, 'critical' AS severity, 'users with changes' AS object,
        format('%%s of %%s users differ, by %%s points in total', (SELECT count(*) FROM wrong), (SELECT count(*) FROM compared),
            (SELECT coalesce(sum(difference), 0) FROM wrong)) AS detail,
        '' AS remedy, 'cache-balance-since' AS key, NULL::numeric AS difference
    UNION ALL
    SELECT 'cache-balance-since', 'critical', 'user ' || user_id::text,
        CASE WHEN uncached THEN 'no cache row' ELSE 'balance ' || coalesce(available_points::text, 'null') END
            || format(', validated events add up to %%s', points),
        'set available_points to the sum of the validated events, in one transaction with the row locked',
        'cache-balance-since:' || user_id::text, difference
    FROM wrong
) AS listed
ORDER BY difference DESC NULLS FIRST, key
