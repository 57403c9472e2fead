-- id: hash-at
-- title: the hash of the record with this seq
-- given: seq
select hash from only public.migration_audit where seq = %(seq)s
