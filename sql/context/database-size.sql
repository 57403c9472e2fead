-- id: database-size
-- title: how large the database is, in bytes, as the server counts it
select pg_database_size(oid)
from pg_database
where datname = current_database()
