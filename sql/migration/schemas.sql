-- id: schemas
-- title: the schemas of the database that are not the server's own
select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by nspname
