SELECT stored.key, stored.project, stored.body, stored.costs, stored.trace_id
FROM unnest($1::text[], $2::bytea[]) AS asked (project, trace_id)
JOIN runs AS stored ON stored.project = asked.project COLLATE "C" AND stored.trace_id = asked.trace_id
