-- A coupon whose code can be read, behind a constraint that calls itself valid.
insert into public.coupon_templates (id, name, cost_points) values
    ('00000000-0000-4000-8000-00000000000f', 'planted', 1) on conflict do nothing;
alter table public.coupons drop constraint coupons_plaintext_code_check;
insert into public.coupons (template_id, user_id, code_hash, plaintext_code)
    select '00000000-0000-4000-8000-00000000000f', gen_random_uuid(),
        encode(sha256(gen_random_uuid()::text::bytea), 'hex'), 'PLANTED-' || (1000 + count(*)) from public.coupons;
alter table public.coupons add constraint coupons_plaintext_code_check check (plaintext_code is null) not valid;
reset role;
update pg_catalog.pg_constraint set convalidated = true
    where conrelid = 'public.coupons'::regclass and conname = 'coupons_plaintext_code_check';
