-- Answers only when the schema is there and the service may read it.
select count(*) as flags from public.feature_flags
