-- The totals on the admin page; nothing in them is about one user.
select
    (select count(*) from public.points_events where validation_status = 'pending') as pending,
    (select count(*) from public.points_events where created_at >= now() - interval '1 hour') as events_last_hour,
    (select count(*) from public.points_events
        where created_at >= now() - interval '1 day' and validation_status = 'rejected') as rejected_last_day,
    (select count(*) from public.user_points_cache) as users,
    (select coalesce(sum(available_points), 0)::bigint from public.user_points_cache) as points_available,
    (select count(*) from public.coupons where status = 'issued') as coupons_issued,
    (select count(*) from public.coupons where status = 'redeemed') as coupons_redeemed,
    (select count(*) from public.fraud_insights where resolution = 'open') as open_insights
