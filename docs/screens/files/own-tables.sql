create table members (id uuid primary key default gen_random_uuid(), name text not null);
create table bookings (
    id bigint generated always as identity primary key,
    member_id uuid not null references members,
    request_id text not null constraint bookings_request_id_key unique
);
create table vouchers (id uuid primary key default gen_random_uuid(), code_hash text not null);
alter table members enable row level security;
alter table bookings enable row level security;
revoke all on members, bookings, vouchers from anon, authenticated;
grant select on bookings, vouchers to authenticated;
create policy own_bookings on bookings for select to authenticated using (member_id = (select auth.uid()));
