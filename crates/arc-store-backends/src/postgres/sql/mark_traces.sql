-- A running run leaves its trace unsettled, and a run that saw less than an earlier one does, too.
UPDATE traces AS stored
SET settled = CASE WHEN run.is_running THEN 0 ELSE least(run.mark, stored.writes) END,
    seen    = least(run.mark, stored.writes),
    seen_at = greatest(stored.seen_at, $4)
FROM unnest($1::int8[], $2::int8[], $3::bool[]) AS run (key, mark, is_running)
WHERE stored.key = run.key
