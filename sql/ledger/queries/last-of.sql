-- id: last-of
-- title: the seq of the last record of a kind
-- given: kind
select max(seq) from only public.migration_audit where kind = %(kind)s
