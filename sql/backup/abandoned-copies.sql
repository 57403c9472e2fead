-- id: abandoned-copies
-- title: scratch databases of drills that nobody works in any more
-- why: A drill that was killed leaves its database. A name alone proves nothing: only what the drill has marked is dropped.
-- parameter names: text; pattern of their names
-- parameter mark: text; what their comment starts with
-- parameter connections: integer; the limit of connections that marks one whose comment did not come any more
-- parameter lock: integer; first key of the lock that a living drill holds, the second is the hash of the name
SELECT d.datname::text
FROM pg_database d
WHERE d.datname ~ %(names)s::text
    AND CASE WHEN shobj_description(d.oid, 'pg_database') IS NULL THEN d.datconnlimit = %(connections)s::int
        ELSE starts_with(shobj_description(d.oid, 'pg_database'), %(mark)s::text) END
    AND pg_has_role(current_user, d.datdba, 'MEMBER')
    AND NOT EXISTS (
        SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid = %(lock)s::int::oid AND l.objid = hashtext(d.datname)::oid AND l.objsubid = 2
    )
ORDER BY d.datname
