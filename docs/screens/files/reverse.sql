drop index public.coupons_status_idx;
