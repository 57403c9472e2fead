-- What Supabase prepares in a new database, once per database; run by the cluster's superuser. Safe to run again.
-- The schema `auth` stays the superuser's: a project may use its functions and may not change them.
create schema if not exists auth;
create schema if not exists extensions authorization postgres;

grant usage on schema auth, extensions, public to anon, authenticated, service_role, postgres;

-- The claims of the token that the API gateway checked arrive as a setting. It is null before anybody set it in the session
-- and an empty string after a transaction that had set it: neither is a user.
create or replace function auth.jwt() returns jsonb
    language sql stable
    set search_path = ''
as $$
    select nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;

create or replace function auth.uid() returns uuid
    language sql stable
    set search_path = ''
as $$
    select nullif(auth.jwt() ->> 'sub', '')::uuid
$$;

create or replace function auth.role() returns text
    language sql stable
    set search_path = ''
as $$
    select nullif(auth.jwt() ->> 'role', '')
$$;

-- The generosity is Supabase's own; migrations have to take it back, and audits look whether they did.
alter default privileges for role postgres in schema public
    grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on sequences to postgres, anon, authenticated, service_role;
