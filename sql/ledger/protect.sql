-- Who owns the ledger and who may use it. Safe to run again, as where a copy of a database arrived without its roles.
-- The owner is a role that nobody can log in as and nobody is a member of; where the installing role may not make one, it
-- stays the owner, and `pointsctl init` says so.
do $$
declare
    v_installer constant name := current_user;
    v_owner constant name := 'pointsctl_ledger';
    v_superuser constant boolean := (select rolsuper from pg_roles where rolname = current_user);
    v_first constant boolean := not exists (select from pg_policy where polrelid = 'public.migration_audit'::regclass);
    v_transferred boolean := false;
    v_readers text;
    v_writers text;
    v_object text;
    v_grantee record;
begin
    begin
        begin
            execute format('create role %I nologin', v_owner);
        exception when duplicate_object or unique_violation then
            null; -- it belongs to the server, and another database there has a ledger already
        end;
        if not v_superuser then
            execute format('grant %I to %I', v_owner, v_installer);
        end if;
        execute format('grant usage, create on schema public to %I', v_owner);
        foreach v_object in array array[
            'table public.migration_audit', 'function public.migration_audit_append()', 'function public.migration_audit_refuse()'
        ] loop
            execute format('alter %s owner to %I', v_object, v_owner);
        end loop;
        execute format('revoke create on schema public from %I', v_owner);
        v_transferred := true;
    exception when insufficient_privilege then
        null;
    end;

    -- Default privileges may have given everything to anybody. What was granted on purpose later is left, if it is harmless.
    for v_grantee in
        select distinct object.name, coalesce(quote_ident(r.rolname), 'public') as role
        from (
            select 'table public.migration_audit' as name, relowner as owner, relacl as acl from pg_class
            where oid = 'public.migration_audit'::regclass
            union all
            select format('function %s', oid::regprocedure), proowner, coalesce(proacl, acldefault('f', proowner)) from pg_proc
            where oid in ('public.migration_audit_append()'::regprocedure, 'public.migration_audit_refuse()'::regprocedure)
        ) as object, aclexplode(object.acl) as entry left join pg_roles as r on r.oid = entry.grantee
        where entry.grantee <> object.owner and (v_first or entry.privilege_type not in ('SELECT', 'INSERT')
            or coalesce(r.rolname, 'public') in ('public', 'anon', 'authenticated'))
    loop
        execute format('revoke all on %s from %s cascade', v_grantee.name, v_grantee.role);
    end loop;
    if v_transferred then
        execute format('revoke all on public.migration_audit from %I', v_owner);
        execute format('grant select on public.migration_audit to %I', v_owner);
    end if;

    select string_agg(quote_ident(rolname), ', ' order by rolname) into v_writers
    from pg_roles
    where (rolname = v_installer or oid = (select datdba from pg_database where datname = current_database())
        -- Who installed it before goes on using it.
        or oid in (select unnest(polroles) from pg_policy
            where polrelid = 'public.migration_audit'::regclass and polname = 'migration_audit_append'))
    and rolname not in (v_owner, 'service_role', 'anon', 'authenticated');
    execute format('grant select, insert on public.migration_audit to %s with grant option', v_writers);
    if exists (select from pg_roles where rolname = 'service_role') then
        grant select, insert on public.migration_audit to service_role;
        v_writers := v_writers || ', service_role';
    end if;
    v_readers := v_writers || case when v_transferred then ', ' || quote_ident(v_owner) else '' end;

    alter table public.migration_audit enable row level security;
    alter table public.migration_audit force row level security;
    drop policy if exists migration_audit_read on public.migration_audit;
    drop policy if exists migration_audit_append on public.migration_audit;
    execute format('create policy migration_audit_read on public.migration_audit for select to %s using (true)', v_readers);
    execute format('create policy migration_audit_append on public.migration_audit for insert to %s with check (true)', v_writers);

    if v_transferred and not v_superuser then
        execute format('revoke %I from %I', v_owner, v_installer);
    end if;
end;
$$;
