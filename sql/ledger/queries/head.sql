-- id: head
-- title: the last record's seq and hash
select seq, hash from only public.migration_audit order by seq desc limit 1
