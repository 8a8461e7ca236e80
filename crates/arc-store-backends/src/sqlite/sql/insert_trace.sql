INSERT INTO traces (project, trace_id, received_at, written_at, seen_at, writes, ended_roots, timed_spans)
VALUES (?1, ?2, ?3, ?3, ?3, 1, ?4, ?5)
