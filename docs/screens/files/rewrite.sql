-- What a superuser can do: a run that was waiting becomes one that was ready, and every later hash is computed anew.
alter table public.migration_audit disable trigger all;
do $$
declare
    v_first bigint := (select min(seq) from public.migration_audit where kind = 'run.finished');
    v_previous text := (select previous_hash from public.migration_audit where seq = v_first);
    v_record record;
begin
    update public.migration_audit set body = replace(body, '"verdict":"waiting"', '"verdict":"ready"') where seq = v_first;
    for v_record in select seq, body from public.migration_audit where seq >= v_first order by seq loop
        update public.migration_audit
        set previous_hash = v_previous, hash = encode(sha256(convert_to(v_previous || v_record.body, 'UTF8')), 'hex')
        where seq = v_record.seq
        returning hash into v_previous;
    end loop;
end;
$$;
alter table public.migration_audit enable always trigger migration_audit_append;
alter table public.migration_audit enable always trigger migration_audit_refuse;
