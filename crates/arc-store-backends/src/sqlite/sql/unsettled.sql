-- The conditions are those of the three partial indexes. What is idle is in the second, so not in the third.
SELECT project, trace_id, received_at, writes, is_running FROM (
    SELECT * FROM (
        SELECT project, trace_id, received_at, writes, 0 AS is_running, written_at, key
        FROM traces INDEXED BY traces_ready
        WHERE settled < writes AND (ended_roots > 0 OR timed_spans = 0) AND written_at <= ?1
        ORDER BY written_at, key LIMIT ?4)
    UNION ALL
    SELECT * FROM (
        SELECT project, trace_id, received_at, writes, 0 AS is_running, written_at, key
        FROM traces INDEXED BY traces_waiting
        WHERE settled < writes AND NOT (ended_roots > 0 OR timed_spans = 0) AND written_at <= ?2
        ORDER BY written_at, key LIMIT ?4)
    UNION ALL
    SELECT * FROM (
        SELECT project, trace_id, received_at, writes, 1 AS is_running, written_at, key
        FROM traces INDEXED BY traces_running
        WHERE seen < writes AND NOT (ended_roots > 0 OR timed_spans = 0) AND written_at > ?2 AND seen_at <= ?3
        ORDER BY written_at, key LIMIT ?4)
)
ORDER BY written_at, key LIMIT ?4
