-- In the order in which everybody locks them.
SELECT trace_id, key, writes FROM traces
WHERE project = $1 AND trace_id = ANY($2::bytea[])
ORDER BY project, trace_id
FOR UPDATE
