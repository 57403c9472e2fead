-- What the buyer is told about the coupon just issued, and what is left.
select coupon.expires_at, cache.available_points
from public.coupons as coupon
join public.user_points_cache as cache on cache.user_id = coupon.user_id
where coupon.id = %(coupon_id)s::uuid
