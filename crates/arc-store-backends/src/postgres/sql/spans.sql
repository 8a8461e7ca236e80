SELECT span_id, revision, segment, byte_offset, byte_length
FROM spans WHERE trace = (SELECT key FROM traces WHERE project = $1 AND trace_id = $2)
ORDER BY segment, byte_offset
