-- In the order in which everybody locks them. The update changes nothing, but waits for and takes the lock.
INSERT INTO traces AS stored
    (project, trace_id, received_at, written_at, seen_at, writes, ended_roots, timed_spans)
SELECT project, trace_id, first, last, first, 1, ended_roots, timed_spans
FROM unnest($1::text[], $2::bytea[], $3::int8[], $4::int8[], $5::int8[], $6::int8[])
    AS touched (project, trace_id, first, last, ended_roots, timed_spans)
ORDER BY touched.project COLLATE "C", touched.trace_id
ON CONFLICT (project, trace_id) DO UPDATE SET writes = stored.writes
RETURNING project, trace_id, key, xmax = 0
