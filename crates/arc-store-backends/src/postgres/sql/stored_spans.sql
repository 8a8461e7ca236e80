SELECT stored.trace, stored.span_id, stored.revision, stored.content_hash, stored.flags
FROM unnest($1::int8[], $2::bytea[]) AS asked (trace, span_id)
JOIN spans AS stored ON stored.trace = asked.trace AND stored.span_id = asked.span_id
