-- A running run leaves its trace unsettled, and a run that saw less than an earlier one does, too.
UPDATE traces
SET settled = CASE WHEN ?4 THEN 0 ELSE min(?3, writes) END,
    seen    = min(?3, writes),
    seen_at = max(seen_at, ?5)
WHERE project = ?1 AND trace_id = ?2
