-- The conditions are those of the three partial indexes. What is idle is in the second, so not in the third.
-- What another program has a lease on is left out.
SELECT project, trace_id, received_at, writes, is_running, key, lease_holder = $5 AND lease_until > now(),
       lease_holder = $5 AND lease_until > now() + make_interval(secs => $6::float8 / 2)
FROM (
    (SELECT project, trace_id, received_at, writes, false AS is_running, written_at, key, lease_holder, lease_until
     FROM traces
     WHERE settled < writes AND (ended_roots > 0 OR timed_spans = 0) AND written_at <= $1
       AND (lease_holder = $5 OR lease_until <= now())
     ORDER BY written_at, key LIMIT $4)
    UNION ALL
    (SELECT project, trace_id, received_at, writes, false AS is_running, written_at, key, lease_holder, lease_until
     FROM traces
     WHERE settled < writes AND NOT (ended_roots > 0 OR timed_spans = 0) AND written_at <= $2
       AND (lease_holder = $5 OR lease_until <= now())
     ORDER BY written_at, key LIMIT $4)
    UNION ALL
    (SELECT project, trace_id, received_at, writes, true AS is_running, written_at, key, lease_holder, lease_until
     FROM traces
     WHERE seen < writes AND NOT (ended_roots > 0 OR timed_spans = 0) AND written_at > $2 AND seen_at <= $3
       AND (lease_holder = $5 OR lease_until <= now())
     ORDER BY written_at, key LIMIT $4)
) AS due
ORDER BY written_at, key LIMIT $4
