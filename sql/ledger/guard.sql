-- Refuses to everybody but superusers, the ledger's owner included, to change or drop the ledger and what keeps it. Making
-- event triggers is for superusers, so it is installed where the installing role is one. Safe to run again.
-- In a schema of its own: with the schema public, its owner would drop the function, and with that the triggers, before
-- they are asked.
create schema if not exists pointsctl_guard;

create or replace function pointsctl_guard.migration_audit_guard() returns event_trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $function$
declare
    v_touched text;
begin
    if (select rolsuper from pg_roles where rolname = current_user) then
        return;
    end if;
    if tg_event = 'sql_drop' then
        select object_identity into v_touched
        from pg_event_trigger_dropped_objects()
        where address_names[1] = 'pointsctl_guard' or address_names[1] = 'public'
            and address_names[2] in ('migration_audit', 'migration_audit_append', 'migration_audit_refuse')
        limit 1;
    else
        with keeper as (
            select oid from pg_proc
            where pronamespace = 'public'::regnamespace
            and proname in ('migration_audit_append', 'migration_audit_refuse')
        ), ledger as (
            -- By what is attached to it too: after a RENAME the name is another one.
            select oid from pg_class where relnamespace = 'public'::regnamespace and relname = 'migration_audit'
            union
            select tgrelid from pg_trigger where tgfoid in (select oid from keeper)
        ), part (class, object) as (
            select 'pg_class'::regclass, oid from ledger
            union all
            select 'pg_class'::regclass, inhrelid from pg_inherits where inhparent in (select oid from ledger)
            union all
            select 'pg_class'::regclass, indexrelid from pg_index where indrelid in (select oid from ledger)
            union all
            select 'pg_proc'::regclass, oid from keeper
            union all
            select 'pg_proc'::regclass, tgfoid from pg_trigger where tgrelid in (select oid from ledger)
            union all
            select 'pg_proc'::regclass, evtfoid from pg_event_trigger where evtname like 'migration\_audit\_%'
            union all
            select 'pg_trigger'::regclass, oid from pg_trigger where tgrelid in (select oid from ledger)
            union all
            select 'pg_policy'::regclass, oid from pg_policy where polrelid in (select oid from ledger)
            union all
            select 'pg_rewrite'::regclass, oid from pg_rewrite where ev_class in (select oid from ledger)
        )
        select concat_ws(' ', command.command_tag, 'of', command.object_identity) into v_touched
        from pg_event_trigger_ddl_commands() as command join part on part.class = command.classid and part.object = command.objid
        limit 1;
    end if;
    if v_touched is not null then
        raise exception 'public.migration_audit is kept as it is: % is refused', v_touched
            using errcode = 'insufficient_privilege', hint = 'only a superuser may change the ledger';
    end if;
end;
$function$;

revoke all on function pointsctl_guard.migration_audit_guard() from public;

drop event trigger if exists migration_audit_guard_change;
drop event trigger if exists migration_audit_guard_drop;
create event trigger migration_audit_guard_change on ddl_command_end
    execute function pointsctl_guard.migration_audit_guard();
create event trigger migration_audit_guard_drop on sql_drop
    execute function pointsctl_guard.migration_audit_guard();
