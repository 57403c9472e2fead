-- id: rows
-- title: the records between two seqs, in order, each with whether its plain columns say what its body says
-- given: after, until, kinds
-- The columns are written out again as the trigger wrote them, around whatever `data` is, and compared byte by byte: nothing
-- is parsed, so that a row that somebody altered is inconsistent and never an error that hides the rows after it. Without the
-- `offset 0` both texts would be written once for each place where they are used, and characters take longer to count than
-- bytes: together that is half of the time.
select coalesce(seq, 0), coalesce(kind, ''), coalesce(previous_hash, ''), coalesce(hash, ''), coalesce(body, ''), signature,
    coalesce(
        starts_with(body, head) and octet_length(body) >= octet_length(head) + octet_length(tail)
            and substring(textsend(body) from octet_length(body) - octet_length(tail) + 1) = textsend(tail),
        false
    )
from only public.migration_audit, lateral (
    select
        '{"applied_by":' || coalesce(to_json(applied_by)::text, 'null')
            || ',"backup_taken":' || case backup_taken when true then 'true' when false then 'false' else 'null' end
            || ',"data":{' as head,
        '},"environment":' || coalesce(to_json(environment)::text, 'null')
            || ',"format":1,"item":' || coalesce(to_json(item)::text, 'null')
            || ',"kind":' || to_json(kind)::text
            || ',"migration_name":' || coalesce(to_json(migration_name)::text, 'null')
            || ',"notes":' || coalesce(to_json(notes)::text, 'null')
            || ',"plan":' || coalesce(to_json(plan)::text, 'null')
            || ',"recorded_at":"' || to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || '","role":' || to_json(role)::text
            || ',"run":' || coalesce(to_json(run)::text, 'null')
            || ',"seq":' || seq::text || '}' as tail
    offset 0
) as written
where seq > %(after)s and seq <= %(until)s and (%(kinds)s::text[] is null or kind = any (%(kinds)s::text[]))
order by seq
