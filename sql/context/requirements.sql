-- id: requirements
-- title: which of the things that a statement is about are missing, unreadable, or partly hidden
-- why: An audit that looks at a table it cannot fully see finds nothing, which would read as a pass.
-- parameter kinds: text[]; role, schema, table, column or unfiltered, one for each name
-- parameter names: text[]; the names; tables with their schema, columns with schema and table
WITH wanted AS (
    SELECT kind, name, n,
        CASE WHEN kind IN ('role', 'schema') THEN ARRAY[name] ELSE parse_ident(name) END AS part
    FROM unnest(%(kinds)s::text[], %(names)s::text[]) WITH ORDINALITY AS given (kind, name, n)
), found AS (
    SELECT wanted.*, c.oid AS relation, c.relkind, s.oid AS schema_oid
    FROM wanted
    LEFT JOIN pg_namespace s ON s.nspname = part[1] AND kind <> 'role'
    LEFT JOIN pg_class c
        ON c.relnamespace = s.oid AND c.relname = part[2] AND kind IN ('table', 'column', 'unfiltered')
        AND c.relkind IN ('r', 'p')
), judged AS (
    SELECT kind, name, n,
        CASE
            WHEN kind = 'role' THEN
                CASE WHEN NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = name) THEN 'missing' END
            WHEN schema_oid IS NULL THEN 'missing'
            WHEN kind = 'schema' THEN NULL
            WHEN relation IS NULL THEN 'missing'
            WHEN kind = 'column' AND NOT EXISTS (
                SELECT FROM pg_attribute a
                WHERE a.attrelid = relation AND a.attname = part[3] AND a.attnum > 0 AND NOT a.attisdropped
            ) THEN 'missing'
            WHEN kind <> 'unfiltered' THEN NULL
            WHEN NOT has_schema_privilege(schema_oid, 'USAGE') OR NOT has_table_privilege(relation, 'SELECT')
                THEN 'unreadable'
            WHEN row_security_active(relation) THEN 'hidden'
        END AS problem
    FROM found
)
SELECT kind, name, problem, current_user::text FROM judged WHERE problem IS NOT NULL ORDER BY n
