-- One month of fraud insights without row level security, while the table above it has it.
do $$
declare
    v_partition regclass;
begin
    select inhrelid::regclass into v_partition
        from pg_catalog.pg_inherits join pg_catalog.pg_class on pg_class.oid = inhrelid
        where inhparent = 'public.fraud_insights'::regclass
        order by relname = 'fraud_insights_default', relname limit 1;
    execute format('alter table %s disable row level security', v_partition);
end;
$$;
