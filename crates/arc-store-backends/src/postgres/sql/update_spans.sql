UPDATE spans AS stored
SET revision = newer.revision, content_hash = newer.content_hash, segment = newer.segment,
    byte_offset = newer.byte_offset, byte_length = newer.byte_length, flags = newer.flags
FROM unnest($1::int8[], $2::bytea[], $3::int8[], $4::bytea[], $5::int8[], $6::int8[], $7::int8[], $8::int8[])
    AS newer (trace, span_id, revision, content_hash, segment, byte_offset, byte_length, flags)
WHERE stored.trace = newer.trace AND stored.span_id = newer.span_id
