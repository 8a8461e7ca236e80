-- Several processes write, and their clocks may differ a little.
UPDATE traces
SET writes      = writes + 1,
    received_at = min(received_at, ?2),
    written_at  = max(written_at, ?2),
    ended_roots = ended_roots + ?3,
    timed_spans = timed_spans + ?4
WHERE key = ?1
