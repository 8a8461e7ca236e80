INSERT INTO spans (trace, span_id, revision, content_hash, segment, offset, length, flags)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO NOTHING
