SELECT asked.number, stored.writes
FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS asked (project, trace_id, number)
JOIN traces AS stored ON stored.project = asked.project COLLATE "C" AND stored.trace_id = asked.trace_id
