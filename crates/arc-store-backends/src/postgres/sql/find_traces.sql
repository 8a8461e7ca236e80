-- In the order in which everybody locks them.
SELECT stored.key, asked.number
FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS asked (project, trace_id, number)
JOIN traces AS stored ON stored.project = asked.project COLLATE "C" AND stored.trace_id = asked.trace_id
ORDER BY stored.project, stored.trace_id
FOR UPDATE OF stored
