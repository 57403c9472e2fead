-- id: append
-- title: append one record; what is stored comes back
-- given: kind, environment, migration_name, applied_by, backup_taken, notes, plan, run, item, body, signature
insert into public.migration_audit
    (kind, environment, migration_name, applied_by, backup_taken, notes, plan, run, item, body, signature)
values (
    %(kind)s, %(environment)s, %(migration_name)s, %(applied_by)s, %(backup_taken)s, %(notes)s, %(plan)s, %(run)s, %(item)s,
    %(body)s, %(signature)s
)
returning seq, kind, previous_hash, hash, body, signature
