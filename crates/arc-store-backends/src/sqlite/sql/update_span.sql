UPDATE spans
SET revision = ?3, content_hash = ?4, segment = ?5, offset = ?6, length = ?7, flags = ?8
WHERE trace = ?1 AND span_id = ?2
