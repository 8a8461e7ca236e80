-- Several programs write, and their clocks may differ a little.
UPDATE traces AS stored
SET writes      = stored.writes + 1,
    received_at = least(stored.received_at, touched.first),
    written_at  = greatest(stored.written_at, touched.last),
    ended_roots = stored.ended_roots + touched.ended_roots,
    timed_spans = stored.timed_spans + touched.timed_spans
FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::int8[])
    AS touched (key, first, last, ended_roots, timed_spans)
WHERE stored.key = touched.key
