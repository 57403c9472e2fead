-- Format 1 of the ledger: the table, what may be in it, and the triggers that chain its records and keep them. Who owns it
-- and who may use it is in protect.sql. Run once in a database, in one transaction; later formats are files of their own.
create table public.migration_audit (
    seq bigint not null,
    recorded_at timestamptz not null,
    kind text not null,
    environment text,
    migration_name text,
    applied_by text,
    backup_taken boolean,
    notes text,
    plan text,
    run text,
    item text,
    role text not null,
    body text not null,
    previous_hash text not null,
    hash text not null,
    signature text,
    -- Two records that follow the same one would be a fork: impossible, whatever the isolation level and the triggers do.
    constraint migration_audit_previous_hash_key unique (previous_hash),
    constraint migration_audit_hash_key unique (hash),
    constraint migration_audit_seq_check check (seq > 0),
    constraint migration_audit_kind_check check (length(kind) <= 60 and kind ~ '^[a-z]+([.-][a-z]+)*$'),
    constraint migration_audit_environment_check check (length(environment) <= 60),
    constraint migration_audit_migration_name_check check (length(migration_name) <= 255),
    constraint migration_audit_applied_by_check check (length(applied_by) <= 200),
    constraint migration_audit_notes_check check (length(notes) <= 10000),
    constraint migration_audit_plan_check check (length(plan) <= 200),
    constraint migration_audit_run_check check (length(run) <= 200),
    constraint migration_audit_item_check check (length(item) <= 200),
    constraint migration_audit_body_check check (octet_length(body) <= 33554432),
    constraint migration_audit_previous_hash_check check (length(previous_hash) = 64 and previous_hash ~ '^[0-9a-f]+$'),
    constraint migration_audit_hash_check check (length(hash) = 64 and hash ~ '^[0-9a-f]+$'),
    constraint migration_audit_signature_check check (octet_length(signature) <= 65536)
);

-- After the other indexes, so that a writer in an old snapshot always hears of previous_hash first, and tries again.
alter table public.migration_audit add constraint migration_audit_pkey primary key (seq);
create index migration_audit_kind_seq_idx on public.migration_audit (kind, seq);

-- Makes a record of what somebody inserts. seq, recorded_at, role and both hashes are never taken from the writer; `body` is
-- the kind's own JSON object when it arrives and the whole record, in the canonical form of RFC 8785, when it is stored.
create function public.migration_audit_append() returns trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
as $function$
declare
    v_data text := btrim(coalesce(new.body, '{}'), E' \t\n\r');
    v_writer text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    v_keeper boolean := has_table_privilege(v_writer, tg_relid, 'INSERT WITH GRANT OPTION');
    v_longest integer := case when v_keeper then 33554432 else 1048576 end;
    v_object boolean;
    v_deep boolean;
    v_twice boolean;
    v_vast boolean;
begin
    new.kind := coalesce(new.kind, 'migration.noted');
    -- A key that leaked from a service must write nothing that is believed, and nothing that stands in the way for ever because
    -- it is no good; kinds that a later version reads are among it.
    if not v_keeper and (new.kind <> 'migration.noted' or new.signature is not null) then
        raise exception 'the role % may not append a record of the kind %', quote_ident(v_writer),
            concat(quote_literal(new.kind), case when new.signature is not null then ' with a signature' end)
            using errcode = 'insufficient_privilege', hint = 'it is for the roles that the ledger was installed by';
    end if;

    -- All of this before the lock: nobody waits for somebody else's mistake.
    if octet_length(v_data) > v_longest then
        raise exception 'body has % bytes, at most % are kept', octet_length(v_data), v_longest
            using errcode = 'check_violation', hint = 'keep the file elsewhere and its digest here';
    end if;
    begin
        -- jsonb refuses what json lets through: \u0000, half a surrogate pair, a number beyond all bounds.
        v_object := jsonb_typeof(v_data::jsonb) = 'object';
    exception when data_exception or program_limit_exceeded then
        v_object := false;
    end;
    if not v_object then
        raise exception 'body is no JSON object that every reader understands'
            using errcode = 'check_violation', hint = 'give one JSON object without \u0000, or leave body out';
    end if;
    with recursive node (value, depth) as (
        select v_data::json, 1
        union all
        select child.value, node.depth + 1
        from node, lateral (
            select value from json_each(case json_typeof(node.value) when 'object' then node.value else '{}' end)
            union all
            select value from json_array_elements(case json_typeof(node.value) when 'array' then node.value else '[]' end)
        ) as child
        where node.depth <= 64 and json_typeof(child.value) in ('object', 'array', 'number')
    )
    select bool_or(depth > 64 and json_typeof(value) <> 'number'), bool_or(json_typeof(value) = 'object' and (
        select count(*) > count(distinct key)
        from json_each(case json_typeof(value) when 'object' then value else '{}' end)
    )), bool_or(abs(case json_typeof(value) when 'number' then value::text::numeric end) > 1.7976931348623157e308)
    into v_deep, v_twice, v_vast from node;
    if v_deep or v_twice or v_vast then
        raise exception 'body %', case when v_deep then 'is nested more than 64 deep'
            when v_twice then 'has a key twice in one object' else 'has a number that no double holds' end
            using errcode = 'check_violation', hint = 'two readers of it could read two things';
    end if;

    perform pg_advisory_xact_lock(8103228538941106034);
    select seq, hash into new.seq, new.previous_hash from only public.migration_audit order by seq desc limit 1;
    new.seq := coalesce(new.seq, 0) + 1;
    new.previous_hash := coalesce(new.previous_hash, repeat('0', 64));
    new.recorded_at := clock_timestamp();
    new.role := session_user;
    new.body := concat(
        '{"applied_by":', coalesce(to_json(new.applied_by)::text, 'null'),
        ',"backup_taken":', coalesce(to_json(new.backup_taken)::text, 'null'),
        ',"data":', v_data,
        ',"environment":', coalesce(to_json(new.environment)::text, 'null'),
        ',"format":1,"item":', coalesce(to_json(new.item)::text, 'null'),
        ',"kind":', to_json(new.kind),
        ',"migration_name":', coalesce(to_json(new.migration_name)::text, 'null'),
        ',"notes":', coalesce(to_json(new.notes)::text, 'null'),
        ',"plan":', coalesce(to_json(new.plan)::text, 'null'),
        ',"recorded_at":"', to_char(new.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        '","role":', to_json(new.role),
        ',"run":', coalesce(to_json(new.run)::text, 'null'),
        ',"seq":', new.seq, '}');
    new.hash := encode(sha256(convert_to(new.previous_hash || new.body, 'UTF8')), 'hex');
    return new;
end;
$function$;

create function public.migration_audit_refuse() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception 'public.migration_audit is append-only: % is refused', tg_op
        using errcode = 'insufficient_privilege', hint = 'append another record that corrects the one before';
end;
$function$;

create trigger migration_audit_append
    before insert on public.migration_audit
    for each row execute function public.migration_audit_append();

-- For each statement, so that one that would touch no row is refused as well.
create trigger migration_audit_refuse
    before update or delete or truncate on public.migration_audit
    for each statement execute function public.migration_audit_refuse();

-- Always: session_replication_role = replica switches ordinary triggers off, and not only superusers may set it everywhere.
alter table public.migration_audit enable always trigger migration_audit_append;
alter table public.migration_audit enable always trigger migration_audit_refuse;
alter table public.migration_audit enable row level security;
alter table public.migration_audit force row level security;

comment on table public.migration_audit is 'pointsctl ledger, format 1';
