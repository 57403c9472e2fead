-- id: access
-- title: who owns the ledger, who may act as its owner, whether it is guarded, and whether the asking role sees all of it
-- given: guard
with ledger as (
    select * from pg_class where oid = to_regclass('public.migration_audit')
), member as (
    -- PostgreSQL 15 has neither option: a member is one in full, and whoever may create roles may become one.
    select r.rolname, admin_option,
        coalesce((to_jsonb(m) ->> 'inherit_option')::boolean or (to_jsonb(m) ->> 'set_option')::boolean, true) as acts
    from ledger join pg_auth_members as m on m.roleid = relowner join pg_roles as r on r.oid = m.member
)
select
    owner.rolname,
    owner.rolcanlogin or owner.rolsuper,
    array(select distinct rolname::text from member where acts order by 1),
    array(
        select rolname::text from member where admin_option
        union
        select rolname::text from pg_roles
        where rolcreaterole and not rolsuper and current_setting('server_version_num')::integer < 160000
        order by 1
    ),
    (
        select count(*) = 2 from pg_event_trigger join pg_proc as p on p.oid = evtfoid
        where evtname in ('migration_audit_guard_change', 'migration_audit_guard_drop') and evtenabled in ('O', 'A')
        and evttags is null and encode(sha256(convert_to(prosrc, 'UTF8')), 'hex') = %(guard)s
    ),
    has_table_privilege(ledger.oid, 'SELECT') and (
        (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
        or not relrowsecurity
        or exists (
            select from pg_policy, unnest(polroles) as role
            where polrelid = ledger.oid and polpermissive and polcmd in ('r', '*')
            and case role when 0 then true else pg_has_role(role, 'USAGE') end
        )
    )
from ledger join pg_roles as owner on owner.oid = relowner
