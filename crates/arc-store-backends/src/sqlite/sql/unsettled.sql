-- The two conditions are those of the two partial indexes.
SELECT project, trace_id, received_at, writes FROM (
    SELECT * FROM (
        SELECT project, trace_id, received_at, writes, written_at, key FROM traces INDEXED BY traces_ready
        WHERE settled < writes AND (ended_roots > 0 OR timed_spans = 0) AND written_at <= ?1
        ORDER BY written_at, key LIMIT ?3)
    UNION ALL
    SELECT * FROM (
        SELECT project, trace_id, received_at, writes, written_at, key FROM traces INDEXED BY traces_waiting
        WHERE settled < writes AND NOT (ended_roots > 0 OR timed_spans = 0) AND written_at <= ?2
        ORDER BY written_at, key LIMIT ?3)
)
ORDER BY written_at, key LIMIT ?3
