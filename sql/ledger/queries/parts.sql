-- id: parts
-- title: everything that public.migration_audit is made of, part by part
with ledger as (
    select * from pg_class where relnamespace = to_regnamespace('public') and relname = 'migration_audit'
)
select 'relation', concat_ws(' ',
    case relpersistence when 'p' then 'permanent' when 'u' then 'unlogged' else 'temporary' end,
    case relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view' else 'relation of kind ' || relkind::text end)
from ledger
union all
select 'row level security', concat_ws(', ',
    case when relrowsecurity then 'on' else 'off' end, case when relforcerowsecurity then 'forced' else 'not forced' end)
from ledger
union all
select 'column ' || attname, concat_ws(' ', format_type(atttypid, atttypmod), case when attnotnull then 'not null' end,
    case when atthasdef then 'default ' || pg_get_expr(adbin, adrelid) end, case when attidentity <> '' then 'identity' end,
    case when attcollation <> typcollation then 'collate ' || attcollation::regcollation::text end)
from ledger
join pg_attribute as a on a.attrelid = ledger.oid and attnum > 0 and not attisdropped
join pg_type as t on t.oid = atttypid
left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
union all
select 'constraint ' || conname, pg_get_constraintdef(k.oid)
from ledger join pg_constraint as k on k.conrelid = ledger.oid and contype in ('p', 'u', 'c', 'x', 'f')
union all
select 'trigger ' || tgname, concat_ws(' ', substring(pg_get_triggerdef(t.oid) from 'TRIGGER \S+ (.*)$'),
    case tgenabled when 'A' then 'always' when 'O' then 'as origin' when 'R' then 'as replica' else 'disabled' end)
from ledger join pg_trigger as t on t.tgrelid = ledger.oid and not tgisinternal
union all
select 'rule ' || rulename, 'on ' || ev_type::text from ledger join pg_rewrite on ev_class = ledger.oid and rulename <> '_RETURN'
union all
select 'child ' || inhrelid::regclass::text, 'inherits' from ledger join pg_inherits on inhparent = ledger.oid
union all
select 'policy ' || polname, concat_ws(' ', case when polpermissive then 'permissive' else 'restrictive' end,
    case polcmd when 'r' then 'select' when 'a' then 'insert' when '*' then 'all' else 'other' end,
    'using ' || pg_get_expr(polqual, polrelid), 'check ' || pg_get_expr(polwithcheck, polrelid))
from ledger join pg_policy on polrelid = ledger.oid
union all
-- Another function of the name stands beside the trigger's own, and must not be taken for it.
select 'function ' || proname || case when pronargs > 0 then format('(%%s)', pg_get_function_identity_arguments(p.oid)) else '' end, concat_ws(' ', lanname, case when prosecdef then 'definer' else 'invoker' end,
    array_to_string(proconfig, ' '), encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'))
from pg_proc as p join pg_language as l on l.oid = prolang
where pronamespace = to_regnamespace('public') and proname in ('migration_audit_append', 'migration_audit_refuse')
union all
-- Whoever may neither insert nor read may nothing, and clients not even that.
select format('privilege of %%s on %%s', coalesce(r.rolname, 'PUBLIC'), object.name), string_agg(distinct entry.privilege_type, ', ')
from (
    select oid::regclass::text as name, relowner as owner, relacl as acl from ledger
    union all
    select attrelid::regclass::text || '.' || attname, relowner, attacl from ledger join pg_attribute on attrelid = ledger.oid
    union all
    select oid::regprocedure::text, proowner, coalesce(proacl, acldefault('f', proowner)) from pg_proc
    where pronamespace = to_regnamespace('public') and proname in ('migration_audit_append', 'migration_audit_refuse')
) as object, aclexplode(object.acl) as entry left join pg_roles as r on r.oid = entry.grantee
where entry.grantee <> object.owner and (
    entry.privilege_type not in ('SELECT', 'INSERT') or coalesce(r.rolname, 'PUBLIC') in ('PUBLIC', 'anon', 'authenticated')
)
group by 1
