-- Support looks for coupons that were issued and never redeemed.
create index coupons_status_idx on public.coupons (status);
