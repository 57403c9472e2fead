-- id: index-by-name
-- title: the index of this name in the schema of a table: whether it is the table's, whether it is whole, and its definition
-- why: An index that was not built to its end keeps its name: building it again with IF NOT EXISTS would leave it invalid.
-- given: schema, table, name
with target as (
    select c.oid, c.relnamespace
    from pg_catalog.pg_class as c
    where c.oid = pg_catalog.to_regclass(
        pg_catalog.concat_ws('.', pg_catalog.quote_ident(%(schema)s::text), pg_catalog.quote_ident(%(table)s::text))
    )
)
select n.nspname, c.relname, i.indrelid = target.oid, i.indisvalid and i.indisready and i.indislive,
    pg_catalog.pg_get_indexdef(i.indexrelid), i.indisunique, c.reltablespace
from target
join pg_catalog.pg_class as c on c.relnamespace = target.relnamespace and c.relname = %(name)s::name
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_index as i on i.indexrelid = c.oid
