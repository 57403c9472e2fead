-- id: expected-tables
-- title: the tables of the points system exist
-- severity: critical
-- why: A migration that was recorded but not applied, or applied to another schema, leaves functions that fail at run time.
-- remedy: apply the migrations to this database
-- requires: schema public
-- parameter tables: text[] = ["public.points_events", "public.user_points_cache", "public.coupons", "public.coupon_templates"];
--   tables that must exist, each with its schema
SELECT
    'expected-tables' AS id,
    'critical' AS severity,
    expected AS object,
    CASE WHEN c.oid IS NULL THEN 'missing' ELSE 'exists, and is no table' END AS detail,
    'apply the migrations to this database' AS remedy,
    'expected-tables:' || expected AS key
FROM unnest(%(tables)s::text[]) AS expected
LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
    ON ARRAY[n.nspname::text, c.relname::text] = parse_ident(expected)
WHERE c.oid IS NULL OR c.relkind NOT IN ('r', 'p')
ORDER BY expected
