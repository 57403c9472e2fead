-- id: rls-policies
-- title: no policy is always true in disguise, and none is meant for everybody unless declared
-- severity: critical
-- why: One permissive policy that is always true opens the table, however strict the others are. It rarely says `true`: a
--   column compared with itself, `or true`, or a subquery whose inner table catches the name all mean the same.
-- remedy: ALTER POLICY ... USING (user_id = (SELECT auth.uid())); or DROP POLICY ...
-- requires: role {clients}, schema {schemas}
-- parameter accepted: text[] = []; policies (`schema.table.policy`) that were reviewed and are meant to be as open as they are
-- parameter schemas: text[] = ["public"]; schemas that the API exposes
-- parameter clients: text[] = ["anon", "authenticated"]; roles that requests of clients run as
-- The stored expression is written out by PostgreSQL with every operator in parentheses. Each step below simplifies the
-- innermost ones: what is always true becomes `true`, what cannot be decided becomes an opaque ⟨…⟩, until no parenthesis is left.
WITH RECURSIVE client AS (
    SELECT oid FROM pg_roles WHERE rolname = ANY (%(clients)s::text[])
), policy AS (
    SELECT p.oid, p.polname, p.polroles, p.polqual, p.polwithcheck, p.polrelid,
        '\m' || regexp_replace(quote_ident(c.relname), '\W', '\\\&', 'g') || '\.' AS prefix,
        format('%%I.%%I', n.nspname, c.relname) AS relation,
        concat(n.nspname, '.', c.relname, '.', p.polname) AS name
    FROM pg_policy p
    JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.polpermissive AND n.nspname = ANY (%(schemas)s::text[])
    AND EXISTS (
        SELECT FROM unnest(p.polroles) AS role, client
        WHERE CASE role WHEN 0 THEN true ELSE pg_has_role(client.oid, role, 'MEMBER') END
    )
), written AS (
    SELECT oid, 'USING' AS clause, pg_get_expr(polqual, polrelid) AS expression, polrelid, prefix FROM policy WHERE polqual IS NOT NULL
    UNION ALL
    SELECT oid, 'WITH CHECK', pg_get_expr(polwithcheck, polrelid), polrelid, prefix FROM policy WHERE polwithcheck IS NOT NULL
), never_null AS (
    -- For columns that are never null, `IS NOT NULL` says nothing.
    SELECT attrelid, string_agg(regexp_replace(quote_ident(attname), '\W', '\\\&', 'g'), '|') AS names
    FROM pg_attribute
    WHERE attnum > 0 AND attnotnull AND NOT attisdropped AND attrelid IN (SELECT polrelid FROM policy)
    GROUP BY attrelid
), simplified AS (
    SELECT oid, clause, expression, false AS itself, 0 AS step,
        coalesce((SELECT names FROM never_null WHERE attrelid = polrelid), '\M\m') AS never_null,
        -- Quoted texts with brackets or spaces in them are blanked, so that nothing in them is taken for SQL.
        -- Inside a subquery the policy's own columns carry the table's name, elsewhere they do not.
        concat('(', btrim(regexp_replace(regexp_replace(
            regexp_replace(expression, '(''(?:[^''[:space:]()⟨⟩]|'''')*'')|''(?:[^'']|'''')*''', '\1', 'g'),
            prefix, '', 'g'), '\s+', ' ', 'g')), ')') AS rest
    FROM written
    UNION ALL
    SELECT oid, clause, expression,
        itself OR simplified.rest ~ '\(([^()]+) (?:=|>=|<=|IS NOT DISTINCT FROM) \1\)' AND simplified.rest !~ '\(([0-9]+|true|false|''[^'']*''(?:::\w+)?) = \1\)',
        step + 1, never_null, after.rest
    FROM simplified,
        -- Reads of a value: subqueries without a table, casts around a bare name, function calls, ANY (...).
        LATERAL (SELECT
            regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(simplified.rest,
                '\( (?!SELECT\M)', '(', 'g'),
                '\m(ANY|ALL) \(([^()]*)\)', '\1 ⟨\2⟩', 'g'),
                '\(EXISTS \( SELECT(?! FROM )(?:(?! FROM | WHERE )[^()])*\)\)', 'true', 'g'),
                '(?<!EXISTS )\( SELECT ((?:(?! FROM | WHERE )[^()])+?)(?: AS (?:\w+|"[^"()]+"))?\)', '\1', 'g'),
                '\(([^() ]+)\)', '\1', 'g'),
                '(\m(?!AND\M|OR\M|NOT\M|IN\M|WHERE\M|ON\M|SELECT\M|EXISTS\M|THEN\M|ELSE\M|WHEN\M)\w+"? ?)\(([^()]*)\)', '\1⟨\2⟩', 'g') AS rest
        ) AS read,
        -- Comparisons whose answer is known.
        LATERAL (SELECT
            regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(read.rest,
                '\(([^()]+) (?:<>|<|>|IS DISTINCT FROM) \1\)', 'false', 'g'),
                '\(([^()]+) (?:=|>=|<=|IS NOT DISTINCT FROM) \1\)', 'true', 'g'),
                '\(([^()]+) = ANY ⟨ARRAY\[(?:[^()]*, )?\1(?:, [^()]*)?\]⟩\)', 'true', 'g'),
                '\((?:NULL(?:::[\w .]+)? IS NULL|(?:[0-9]+|true|false|''[^'']*''(?:::[\w ]+)?) IS NOT NULL|true IS(?: NOT FALSE| TRUE)|false IS (?:NOT TRUE|FALSE))\)', 'true', 'g'),
                '\((?:\w+\.)?(?:' || never_null || ') IS NOT NULL\)', 'true', 'g'),
                '\((?:\w+\.)?(?:' || never_null || ') IS NULL\)', 'false', 'g'),
                '\([^()]+ ~~\*? ''%%+''(?:::text)?\)', 'true', 'g'),
                '\mCOALESCE⟨(?:true(?:, [^()]*)?|[^()]*, true)⟩', 'true', 'g') AS rest
        ) AS compared,
        LATERAL (SELECT regexp_match(compared.rest, '\((-?[0-9]{1,15}) (=|<>|<|>|<=|>=) (-?[0-9]{1,15})\)') AS found) AS number,
        LATERAL (SELECT CASE WHEN number.found IS NULL THEN compared.rest ELSE replace(compared.rest,
            format('(%%s %%s %%s)', number.found[1], number.found[2], number.found[3]),
            CASE number.found[2]
                WHEN '=' THEN number.found[1]::numeric = number.found[3]::numeric
                WHEN '<>' THEN number.found[1]::numeric <> number.found[3]::numeric
                WHEN '<' THEN number.found[1]::numeric < number.found[3]::numeric
                WHEN '>' THEN number.found[1]::numeric > number.found[3]::numeric
                WHEN '<=' THEN number.found[1]::numeric <= number.found[3]::numeric
                ELSE number.found[1]::numeric >= number.found[3]::numeric
            END::text) END AS rest
        ) AS counted,
        -- Logic: AND, OR, NOT and CASE over known answers; a thing or its opposite.
        LATERAL (SELECT
            regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
            regexp_replace(regexp_replace(regexp_replace(counted.rest,
                '\((?:(?:(?! OR )[^()])* AND )?false(?: AND (?:(?! OR )[^()])*)?\)', 'false', 'g'),
                '\(NOT true\)', 'false', 'g'),
                '\(NOT false\)', 'true', 'g'),
                '\mCASE WHEN (?:true THEN true (?:(?!\mCASE\M|\mEND\M)[^()])*|(?:(?!\mCASE\M|\mEND\M|\mTHEN\M|\mELSE\M)[^()])* THEN true ELSE true )END', 'true', 'g'),
                '\((?:(?! AND )[^()])*\mfalse OR ((?:(?! AND )[^()])*)\)', '(\1)', 'g'),
                '\((?:(?:(?! AND )[^()])* OR )?true(?: OR (?:(?! AND )[^()])*)?\)', 'true', 'g'),
                '\(((?:(?! OR )[^()])* AND )?true AND ', '(\1', 'g'),
                '\(((?:(?! OR )[^()])*) AND true\)', '(\1)', 'g'),
                '\((⟨[^()]+⟩) OR ⟨NOT \1⟩\)|\(⟨NOT (⟨[^()]+⟩)⟩ OR \2\)', 'true', 'g'),
                '\(⟨([^()]+) (?:IS NULL⟩ OR ⟨\1 IS NOT NULL|IS NOT NULL⟩ OR ⟨\1 IS NULL)⟩\)', 'true', 'g') AS rest
        ) AS logical,
        -- Nothing changed, so the innermost ones cannot be decided.
        LATERAL (SELECT CASE
            WHEN logical.rest <> simplified.rest THEN logical.rest
            ELSE regexp_replace(logical.rest, '\(([^()]*)\)', '⟨\1⟩', 'g') END AS rest
        ) AS after
    WHERE simplified.rest ~ '\(' AND step < 80
), verdict AS (
    SELECT DISTINCT ON (oid, clause) oid, clause, expression, itself,
        rest = 'true' AS open,
        rest ~ '\(' AS unfinished,
        rest ~ '^⟨*(auth\.uid⟨⟩ IS NOT NULL|auth\.role⟨⟩ = ''(authenticated|anon)''(::text)?)⟩*$' AS signed_in
    FROM simplified
    ORDER BY oid, clause, step DESC
), finding AS (
    SELECT oid,
        CASE WHEN open THEN 'critical' ELSE 'major' END AS severity,
        CASE
            WHEN open THEN 'is always true'
            WHEN signed_in THEN 'is true for every client of that kind'
            WHEN itself THEN 'compares something with itself'
            ELSE 'is too long to be judged here; read it'
        END || format(': %%s %%s', clause, left(regexp_replace(expression, '\s+', ' ', 'g'), 200)) AS detail,
        clause AS aspect
    FROM verdict
    WHERE open OR signed_in OR itself OR unfinished
    UNION ALL
    SELECT oid, 'minor',
        'applies to ' || CASE WHEN 0 = ANY (polroles) THEN 'PUBLIC, anonymous clients included' ELSE 'anonymous clients' END,
        'TO'
    FROM policy
    WHERE 0 = ANY (polroles) OR EXISTS (
        SELECT FROM pg_roles WHERE rolname = 'anon' AND pg_roles.oid = ANY (polroles)
    )
)
SELECT
    'rls-policies' AS id,
    severity,
    format('%%s policy %%I', relation, polname) AS object,
    detail,
    CASE aspect
        WHEN 'TO' THEN format('ALTER POLICY %%I ON %%s TO authenticated;', polname, relation)
        ELSE format('DROP POLICY %%I ON %%s; or ALTER it to %%s (user_id = (SELECT auth.uid()))', polname, relation, aspect)
    END AS remedy,
    concat('rls-policies:', name, ':', aspect) AS key
FROM finding JOIN policy USING (oid)
WHERE name <> ALL (%(accepted)s::text[])
ORDER BY severity, relation, polname, aspect
