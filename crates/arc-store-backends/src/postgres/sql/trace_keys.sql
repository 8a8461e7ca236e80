SELECT trace_id, key FROM traces WHERE project = $1 AND trace_id = ANY($2::bytea[])
