-- id: cache-balance
-- title: every cached balance equals the sum of the user's validated events
-- severity: critical
-- why: A balance that is too high gives coupons away, one that is too low takes points from people. Users are compared in both
--   directions: a cache row without events must be zero, and validated events without a cache row are lost points.
-- remedy: find the writer that bypasses the booking functions, then set the balance to the sum of the events
-- requires: unfiltered public.points_events, unfiltered public.user_points_cache
-- incremental: cache-balance-since
WITH ledger AS (
    SELECT user_id, sum(points_delta) AS points
    FROM public.points_events
    WHERE validation_status = 'validated'
    GROUP BY user_id
), wrong AS MATERIALIZED (
    SELECT coalesce(ledger.user_id, cache.user_id) AS user_id, cache.user_id IS NULL AS uncached, cache.available_points,
        coalesce(ledger.points, 0) AS points,
        abs(coalesce(cache.available_points, 0) - coalesce(ledger.points, 0)) AS difference
    FROM ledger FULL JOIN public.user_points_cache AS cache ON cache.user_id = ledger.user_id
    WHERE cache.available_points IS DISTINCT FROM coalesce(ledger.points, 0)
), total AS (
    SELECT count(*) AS users, coalesce(sum(difference), 0) AS difference,
        (SELECT count(*) FROM public.user_points_cache) + count(*) FILTER (WHERE uncached) AS everybody
    FROM wrong
)
SELECT id, severity, object, detail, remedy, key
FROM (
    SELECT 'cache-balance' AS id, 'critical' AS severity, 'all users' AS object,
        format('%%s of %%s users differ (%%s %%%%), by %%s points in total', users, everybody,
            round(coalesce(100.0 * users / nullif(everybody, 0), 0), 3), difference) AS detail,
        '' AS remedy, 'cache-balance' AS key, NULL::numeric AS difference
    FROM total
    UNION ALL
    SELECT 'cache-balance', 'critical', 'user ' || coalesce(user_id::text, '(null)'),
        CASE WHEN uncached THEN 'no cache row' ELSE 'balance ' || coalesce(available_points::text, 'null') END
            || format(', validated events add up to %%s', points),
        'set available_points to the sum of the validated events, in one transaction with the row locked',
        'cache-balance:' || coalesce(user_id::text, '(null)'), difference
    FROM wrong
) AS listed
ORDER BY difference DESC NULLS FIRST, key
