-- id: locale
-- title: how this database sorts and encodes text; older servers have fewer of these columns
select
    pg_encoding_to_char(encoding),
    coalesce(to_jsonb(pg_database) ->> 'datlocprovider', 'c'),
    datcollate,
    datctype,
    coalesce(to_jsonb(pg_database) ->> 'datlocale', to_jsonb(pg_database) ->> 'daticulocale')
from pg_database
where datname = current_database()
