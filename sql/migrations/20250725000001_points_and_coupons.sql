-- Points and coupons: the reference schema, for PostgreSQL 15 to 18 with Supabase's roles and its `auth` schema.
--
-- How the tables belong together: every gain or loss of points is one row of points_events, which is never deleted and
-- whose amount is never edited; user_points_cache is the sum of a user's validated events, kept in the same transaction;
-- a coupon is paid for by one negative event. Clients read their own rows and write nothing: all writes come from the
-- edge functions, as service_role, through the functions at the end of this file.
--
-- Locks are taken in one order everywhere, so that two calls for the same user wait and never deadlock:
-- points_events, user_points_cache, coupon_templates, coupons.
--
-- Lengths are checked apart from the pattern: a bounded repeat such as {64} makes a regular expression more than ten times
-- as slow, and these run for every row that is written.

-- ---------------------------------------------------------------------------------------------------------------------
-- Points
-- ---------------------------------------------------------------------------------------------------------------------

-- user_id has no foreign key to auth.users on purpose: the ledger of points has to outlive an account that is deleted
-- (ON DELETE CASCADE would destroy the history that balances and coupons are audited against), and the auth schema
-- belongs to the platform, which may change or rebuild it without asking us.
create table public.points_events (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    event_type text not null,
    points_delta integer not null,
    validation_status text not null default 'pending',
    nonce text not null,
    payload_hash text not null,
    trust_score smallint,
    rejection_reason text,
    metadata jsonb not null default '{}'::jsonb,
    created_at timestamptz not null default now(),
    validated_at timestamptz,
    updated_at timestamptz not null default now(),
    constraint points_events_pkey primary key (id),
    constraint points_events_nonce_key unique (nonce),
    constraint points_events_payload_hash_key unique (payload_hash),
    constraint points_events_event_type_check check (length(event_type) <= 64 and event_type ~ '^[a-z][a-z0-9_]*$'),
    constraint points_events_points_delta_check check (points_delta <> 0 and abs(points_delta) <= 1000000),
    constraint points_events_validation_status_check
        check (validation_status in ('pending', 'validated', 'rejected', 'review')),
    constraint points_events_nonce_check check (length(nonce) between 8 and 128),
    constraint points_events_payload_hash_check check (octet_length(payload_hash) = 64 and payload_hash ~ '^[0-9a-f]+$'),
    constraint points_events_trust_score_check check (trust_score between 0 and 100),
    constraint points_events_metadata_check check (jsonb_typeof(metadata) = 'object'),
    -- validated_at is when the decision fell, either way: latencies are measured from it.
    constraint points_events_validated_at_check
        check ((validation_status in ('validated', 'rejected')) = (validated_at is not null)),
    constraint points_events_rejection_reason_check
        check ((validation_status = 'rejected') = (rejection_reason is not null))
);

-- Balances are summed from this index alone, without visiting the table.
create index points_events_validated_by_user_idx
    on public.points_events (user_id) include (points_delta)
    where validation_status = 'validated';

-- Finds the users whose events changed since the last audit.
create index points_events_updated_at_idx on public.points_events (updated_at);

-- The validation worker's queue: as large as the backlog, not as the table.
create index points_events_pending_idx on public.points_events (created_at) where validation_status = 'pending';

create index points_events_created_at_idx on public.points_events (created_at);
create index points_events_user_created_idx on public.points_events (user_id, created_at desc);

create table public.user_points_cache (
    user_id uuid not null,
    available_points bigint not null default 0,
    lifetime_points bigint not null default 0,
    updated_at timestamptz not null default now(),
    constraint user_points_cache_pkey primary key (user_id),
    constraint user_points_cache_available_points_check check (available_points >= 0),
    constraint user_points_cache_lifetime_points_check check (lifetime_points >= 0)
);

create index user_points_cache_updated_at_idx on public.user_points_cache (updated_at);

-- ---------------------------------------------------------------------------------------------------------------------
-- Coupons
-- ---------------------------------------------------------------------------------------------------------------------

create table public.coupon_templates (
    id uuid not null default gen_random_uuid(),
    name text not null,
    cost_points integer not null,
    active boolean not null default true,
    valid_from timestamptz not null default now(),
    valid_until timestamptz,
    max_redemptions integer,
    created_at timestamptz not null default now(),
    constraint coupon_templates_pkey primary key (id),
    constraint coupon_templates_name_key unique (name),
    constraint coupon_templates_name_check check (length(name) between 1 and 120),
    constraint coupon_templates_cost_points_check check (cost_points between 1 and 1000000),
    constraint coupon_templates_valid_until_check check (valid_until > valid_from),
    constraint coupon_templates_max_redemptions_check check (max_redemptions > 0)
);

-- A code is shown to its owner once and never stored: code_hash is HMAC-SHA256(COUPON_SECRET, code) in hex.
-- plaintext_code stays only so that a client that still writes it is refused instead of quietly obeyed.
-- event_id is the debit that paid for the coupon; it is null for a coupon that was granted without points.
create table public.coupons (
    id uuid not null default gen_random_uuid(),
    template_id uuid not null,
    user_id uuid not null,
    event_id uuid,
    code_hash text not null,
    plaintext_code text,
    status text not null default 'issued',
    issued_at timestamptz not null default now(),
    redeemed_at timestamptz,
    expires_at timestamptz,
    constraint coupons_pkey primary key (id),
    constraint coupons_template_id_fkey foreign key (template_id) references public.coupon_templates (id),
    constraint coupons_event_id_fkey foreign key (event_id) references public.points_events (id),
    constraint coupons_event_id_key unique (event_id),
    constraint coupons_code_hash_key unique (code_hash),
    constraint coupons_code_hash_check check (octet_length(code_hash) = 64 and code_hash ~ '^[0-9a-f]+$'),
    constraint coupons_plaintext_code_check check (plaintext_code is null),
    constraint coupons_status_check check (status in ('issued', 'redeemed', 'expired', 'revoked')),
    constraint coupons_redeemed_at_check check ((status = 'redeemed') = (redeemed_at is not null)),
    constraint coupons_expires_at_check check (expires_at > issued_at)
);

create index coupons_user_issued_idx on public.coupons (user_id, issued_at desc);
create index coupons_template_idx on public.coupons (template_id);

-- Both indexes are empty as long as all is well, so asking for offenders costs nothing however large the table is. The
-- constraints above already refuse such rows; a constraint can be dropped, and then these show what came in.
create index coupons_plaintext_code_idx on public.coupons (id) where plaintext_code is not null;
create index coupons_code_hash_not_digest_idx on public.coupons (id) where octet_length(code_hash) <> 64 or code_hash !~ '^[0-9a-f]+$';

-- ---------------------------------------------------------------------------------------------------------------------
-- Fraud insights, by month
-- ---------------------------------------------------------------------------------------------------------------------

create table public.fraud_insights (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    event_id uuid,
    signal text not null,
    score smallint not null,
    resolution text not null default 'open',
    details jsonb not null default '{}'::jsonb,
    created_at timestamptz not null default now(),
    resolved_at timestamptz,
    constraint fraud_insights_pkey primary key (id, created_at),
    constraint fraud_insights_event_id_fkey foreign key (event_id) references public.points_events (id),
    constraint fraud_insights_signal_check check (length(signal) <= 64 and signal ~ '^[a-z][a-z0-9_]*$'),
    constraint fraud_insights_score_check check (score between 0 and 100),
    constraint fraud_insights_resolution_check check (resolution in ('open', 'confirmed', 'false_positive')),
    constraint fraud_insights_details_check check (jsonb_typeof(details) = 'object'),
    constraint fraud_insights_resolved_at_check check ((resolution = 'open') = (resolved_at is null))
) partition by range (created_at);

create index fraud_insights_user_created_idx on public.fraud_insights (user_id, created_at desc);
create index fraud_insights_event_idx on public.fraud_insights (event_id);
create index fraud_insights_open_idx on public.fraud_insights (created_at) where resolution = 'open';

-- Catches what no month covers, so that a forgotten partition never refuses an insight.
create table public.fraud_insights_default partition of public.fraud_insights default;

-- Makes the partition for the month of p_month (UTC), if it is not there, and returns its name. A partition is a table
-- of its own: it inherits neither row level security nor the absence of Supabase's default grants, so both are set here.
-- Rows that already fell into the default partition are moved. Call it monthly, for the month after the next.
-- It runs as its owner because service_role may not create tables.
create function public.create_fraud_insights_partition(p_month date) returns text
    language plpgsql
    security definer
    set search_path = ''
    set timezone = 'UTC'
as $$
declare
    v_from timestamptz := date_trunc('month', p_month::timestamp) at time zone 'UTC';
    v_until timestamptz := (date_trunc('month', p_month::timestamp) + interval '1 month') at time zone 'UTC';
    v_name text := 'fraud_insights_' || to_char(p_month, 'YYYY_MM');
begin
    if p_month is null then
        raise exception 'no month given' using errcode = 'PT400';
    end if;
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('public.fraud_insights partitions', 0));
    if pg_catalog.to_regclass('public.' || v_name) is not null then
        return v_name;
    end if;
    execute format('create table public.%I (like public.fraud_insights including defaults including constraints)', v_name);
    execute format('alter table public.%I enable row level security', v_name);
    execute format('alter table public.%I force row level security', v_name);
    execute format('revoke all on table public.%I from public, anon, authenticated, service_role', v_name);
    execute format(
        'with moved as (delete from public.fraud_insights_default where created_at >= %L and created_at < %L returning *)'
        ' insert into public.%I select * from moved', v_from, v_until, v_name);
    execute format(
        'alter table public.fraud_insights attach partition public.%I for values from (%L) to (%L)', v_name, v_from, v_until);
    return v_name;
end;
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Feature flags
-- ---------------------------------------------------------------------------------------------------------------------

-- Clients see only the flags that are meant for them: the name of a feature to come can be a secret.
create table public.feature_flags (
    name text not null,
    enabled boolean not null default false,
    percentage smallint not null default 0,
    client_visible boolean not null default false,
    updated_at timestamptz not null default now(),
    constraint feature_flags_pkey primary key (name),
    constraint feature_flags_name_check check (length(name) <= 64 and name ~ '^[a-z][a-z0-9_.-]*$'),
    constraint feature_flags_percentage_check check (percentage between 0 and 100)
);

-- ---------------------------------------------------------------------------------------------------------------------
-- updated_at follows every change
-- ---------------------------------------------------------------------------------------------------------------------

-- clock_timestamp() rather than now(): an incremental audit looks at what changed since it last looked, and the start of
-- a long transaction may lie before that. Such an audit still has to overlap its windows by the longest transaction.
create function public.set_updated_at() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    new.updated_at := pg_catalog.clock_timestamp();
    return new;
end;
$$;

create trigger points_events_set_updated_at before update on public.points_events
    for each row execute function public.set_updated_at();
create trigger user_points_cache_set_updated_at before update on public.user_points_cache
    for each row execute function public.set_updated_at();
create trigger feature_flags_set_updated_at before update on public.feature_flags
    for each row execute function public.set_updated_at();

-- ---------------------------------------------------------------------------------------------------------------------
-- Validation and redemption
-- ---------------------------------------------------------------------------------------------------------------------

-- Moves an event that waits (pending or review) to p_status and books its points when that is 'validated', in one
-- transaction. Returns the user's available points afterwards.
-- Raises PT400 (unusable arguments), PT404 (no such event), PT409 (already decided, or it would overdraw the balance);
-- PostgREST turns these codes into the HTTP status of the same number.
create function public.validate_points_event(
    p_event_id uuid,
    p_status text,
    p_trust_score integer,
    p_rejection_reason text default null
) returns bigint
    language plpgsql
    set search_path = ''
as $$
declare
    v_event public.points_events%rowtype;
    v_balance bigint;
begin
    if p_status is null or p_status not in ('validated', 'rejected', 'review') then
        raise exception 'an event cannot be moved to status %, only to validated, rejected or review',
            coalesce(p_status, 'null') using errcode = 'PT400';
    end if;
    if (p_status = 'rejected') <> (p_rejection_reason is not null) then
        raise exception 'a rejection, and nothing else, needs a reason; status % came with reason %',
            p_status, coalesce(p_rejection_reason, 'null') using errcode = 'PT400';
    end if;
    if p_trust_score is null or p_trust_score not between 0 and 100 then
        raise exception 'trust score %, expected 0 to 100', coalesce(p_trust_score::text, 'null') using errcode = 'PT400';
    end if;

    select * into v_event from public.points_events where id = p_event_id for update;
    if not found then
        raise exception 'no points event %', coalesce(p_event_id::text, 'null') using errcode = 'PT404';
    end if;
    if v_event.validation_status not in ('pending', 'review') then
        raise exception 'points event % is already %', p_event_id, v_event.validation_status using errcode = 'PT409';
    end if;

    insert into public.user_points_cache (user_id) values (v_event.user_id) on conflict (user_id) do nothing;
    select available_points into v_balance
        from public.user_points_cache where user_id = v_event.user_id for update;

    if p_status = 'validated' then
        if v_balance + v_event.points_delta < 0 then
            raise exception 'event % of % points would overdraw a balance of %', p_event_id, v_event.points_delta, v_balance
                using errcode = 'PT409';
        end if;
        update public.user_points_cache
            set available_points = available_points + v_event.points_delta,
                lifetime_points = lifetime_points + greatest(v_event.points_delta, 0)
            where user_id = v_event.user_id
            returning available_points into v_balance;
    end if;

    update public.points_events
        set validation_status = p_status,
            trust_score = p_trust_score,
            rejection_reason = p_rejection_reason,
            validated_at = case when p_status = 'review' then null else pg_catalog.clock_timestamp() end
        where id = p_event_id;
    return v_balance;
end;
$$;

-- Buys a coupon: writes the debit, lowers the balance and issues the coupon, all or nothing. The caller makes the code and
-- hands over only its digest. Returns the coupon's id.
-- Raises PT400 (unusable arguments), PT402 (not enough points), PT404 (no such template on offer), PT409 (sold out, or the
-- price changed meanwhile), 23505 (nonce, payload or code used before).
create function public.redeem_coupon(
    p_user_id uuid,
    p_template_id uuid,
    p_code_hash text,
    p_nonce text,
    p_payload_hash text,
    p_expires_at timestamptz default null
) returns uuid
    language plpgsql
    set search_path = ''
as $$
declare
    v_cost integer;
    v_template public.coupon_templates%rowtype;
    v_event_id uuid;
    v_balance bigint;
    v_issued integer;
    v_coupon_id uuid;
begin
    if p_user_id is null or p_template_id is null or p_code_hash is null or p_nonce is null or p_payload_hash is null then
        raise exception 'user, template, code digest, nonce and payload digest are all needed' using errcode = 'PT400';
    end if;
    select cost_points into v_cost from public.coupon_templates where id = p_template_id;
    if not found then
        raise exception 'no coupon template %', p_template_id using errcode = 'PT404';
    end if;

    insert into public.points_events
        (user_id, event_type, points_delta, validation_status, nonce, payload_hash, trust_score, validated_at)
        values (p_user_id, 'coupon_redemption', -v_cost, 'validated', p_nonce, p_payload_hash, 100,
                pg_catalog.clock_timestamp())
        returning id into v_event_id;

    select available_points into v_balance from public.user_points_cache where user_id = p_user_id for update;
    if v_balance is null or v_balance < v_cost then
        raise exception 'not enough points: % available, % needed', coalesce(v_balance, 0), v_cost using errcode = 'PT402';
    end if;
    update public.user_points_cache set available_points = available_points - v_cost where user_id = p_user_id;

    select * into v_template from public.coupon_templates where id = p_template_id for update;
    if not found or not v_template.active or now() < v_template.valid_from or now() >= v_template.valid_until then
        raise exception 'coupon template % is not on offer', p_template_id using errcode = 'PT404';
    end if;
    if v_template.cost_points <> v_cost then
        raise exception 'coupon template % now costs % points, not %', p_template_id, v_template.cost_points, v_cost
            using errcode = 'PT409';
    end if;
    if v_template.max_redemptions is not null then
        -- The limit keeps the count from reading more rows than the answer needs.
        select count(*) into v_issued from (
            select 1 from public.coupons where template_id = p_template_id and status <> 'revoked'
            limit v_template.max_redemptions
        ) as issued;
        if v_issued >= v_template.max_redemptions then
            raise exception 'coupon template % is sold out: % of % issued', p_template_id, v_issued,
                v_template.max_redemptions using errcode = 'PT409';
        end if;
    end if;

    insert into public.coupons (template_id, user_id, event_id, code_hash, expires_at)
        values (p_template_id, p_user_id, v_event_id, p_code_hash, p_expires_at)
        returning id into v_coupon_id;
    return v_coupon_id;
end;
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Row level security
-- ---------------------------------------------------------------------------------------------------------------------

-- FORCE binds the tables' owner too, so that a function that runs as its owner does not step around the policies unless
-- that role was given BYPASSRLS on purpose.
alter table public.points_events enable row level security;
alter table public.points_events force row level security;
alter table public.user_points_cache enable row level security;
alter table public.user_points_cache force row level security;
alter table public.coupon_templates enable row level security;
alter table public.coupon_templates force row level security;
alter table public.coupons enable row level security;
alter table public.coupons force row level security;
alter table public.fraud_insights enable row level security;
alter table public.fraud_insights force row level security;
alter table public.fraud_insights_default enable row level security;
alter table public.fraud_insights_default force row level security;
alter table public.feature_flags enable row level security;
alter table public.feature_flags force row level security;

-- The sub-select is evaluated once a statement instead of once a row. fraud_insights has no policy: no client reads it.
create policy points_events_select_own on public.points_events
    for select to authenticated using (user_id = (select auth.uid()));
create policy user_points_cache_select_own on public.user_points_cache
    for select to authenticated using (user_id = (select auth.uid()));
create policy coupons_select_own on public.coupons
    for select to authenticated using (user_id = (select auth.uid()));
create policy coupon_templates_select_active on public.coupon_templates
    for select to authenticated using (active);
create policy feature_flags_select_client_visible on public.feature_flags
    for select to authenticated using (client_visible);

-- ---------------------------------------------------------------------------------------------------------------------
-- Privileges
-- ---------------------------------------------------------------------------------------------------------------------

-- Supabase's default privileges hand every new table and function in public to all three API roles, and PostgreSQL hands
-- every new function to PUBLIC. Both are taken back here before anything is given.
revoke all on table
    public.points_events, public.user_points_cache, public.coupon_templates, public.coupons,
    public.fraud_insights, public.fraud_insights_default, public.feature_flags
    from public, anon, authenticated, service_role;
revoke all on function
    public.create_fraud_insights_partition(date),
    public.set_updated_at(),
    public.validate_points_event(uuid, text, integer, text),
    public.redeem_coupon(uuid, uuid, text, text, text, timestamptz)
    from public, anon, authenticated, service_role;

grant select on table public.points_events, public.user_points_cache, public.coupon_templates, public.feature_flags
    to authenticated;
grant select (id, template_id, user_id, event_id, status, issued_at, redeemed_at, expires_at) on table public.coupons
    to authenticated;

-- No DELETE and no TRUNCATE anywhere, and an event's user and amount cannot be edited: what was booked stays booked.
grant select, insert on table public.points_events to service_role;
grant update (validation_status, trust_score, rejection_reason, metadata, validated_at) on table public.points_events
    to service_role;
grant select, insert, update on table public.user_points_cache, public.coupon_templates, public.feature_flags
    to service_role;
grant select, insert on table public.coupons to service_role;
grant update (status, redeemed_at, expires_at) on table public.coupons to service_role;
grant select, insert on table public.fraud_insights to service_role;
grant update (resolution, resolved_at, details) on table public.fraud_insights to service_role;

grant execute on function
    public.create_fraud_insights_partition(date),
    public.validate_points_event(uuid, text, integer, text),
    public.redeem_coupon(uuid, uuid, text, text, text, timestamptz)
    to service_role;

-- The running month and the next two. Later months need the function again; until somebody calls it, the default
-- partition takes the rows.
select public.create_fraud_insights_partition((date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead))::date)
    from generate_series(0, 2) as ahead;
