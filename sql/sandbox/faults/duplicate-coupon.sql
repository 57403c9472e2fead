-- Two coupons with one code, under a unique index that calls itself valid: what a damaged index leaves behind.
reset role;
update pg_catalog.pg_index set indisunique = false where indexrelid = 'public.coupons_code_hash_key'::regclass;
insert into public.coupon_templates (id, name, cost_points) values
    ('00000000-0000-4000-8000-00000000000f', 'planted', 1) on conflict do nothing;
insert into public.coupons (template_id, user_id, code_hash)
    select '00000000-0000-4000-8000-00000000000f', gen_random_uuid(), encode(sha256('planted twice'::bytea), 'hex')
    from generate_series(1, 2);
update pg_catalog.pg_index set indisunique = true where indexrelid = 'public.coupons_code_hash_key'::regclass;
