SELECT key, coalesce(packed_body, body), coalesce(packed_costs, costs)
FROM runs
WHERE project = ?1 AND trace_id = ?2
