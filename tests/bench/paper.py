"""The paper checklist's own four verification queries, in our words: the yardstick of the audits."""

from __future__ import annotations

BALANCE = """
select count(*)
from (
    select cache.user_id,
           cache.available_points
             - coalesce(sum(event.points_delta) filter (where event.validation_status = 'validated'), 0) as difference
    from public.user_points_cache as cache
    left join public.points_events as event on event.user_id = cache.user_id
    group by cache.user_id, cache.available_points
) as compared
where abs(difference) > 0
"""
DUPLICATES = """
select count(*) from (select code_hash from public.coupons group by code_hash having count(*) > 1) as doubled
"""
BACKLOG = """
select count(*) from public.points_events
where validation_status = 'pending' and created_at < now() - interval '1 hour'
"""
RATE = "select count(*) from public.points_events where created_at >= now() - interval '1 hour'"
ALL = (BALANCE, DUPLICATES, BACKLOG, RATE)
