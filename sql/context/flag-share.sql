-- id: flag-share
-- title: for how many of the users a feature flag is on, in percent; no row where there is no such flag
-- given: name
select case when f.enabled then f.percentage else 0 end::integer as share
from public.feature_flags as f
where f.name = %(name)s
