-- The roles of a Supabase project, once per cluster; run by the cluster's superuser. Safe to run again.
-- As on Supabase, `postgres` owns the databases and is no superuser: what is tested here meets the same refusals there.
do $$
declare
    v_role record;
begin
    for v_role in
        select * from (values
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls'),
            ('authenticator', 'login noinherit'),
            ('postgres', 'login createdb createrole replication bypassrls')
        ) as wanted (name, attributes)
        where not exists (select from pg_catalog.pg_roles where rolname = wanted.name)
    loop
        execute format('create role %I %s', v_role.name, v_role.attributes);
    end loop;
end;
$$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to postgres;
grant pg_monitor, pg_signal_backend, pg_read_all_data to postgres;
