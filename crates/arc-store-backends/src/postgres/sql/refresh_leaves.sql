UPDATE agent_leaves AS stored
SET first_at = oldest.at, last_at = newest.at, latest = newest.trace_id
FROM unnest($1::text[], $2::text[], $3::text[]) AS changed (project, agent, leaf),
     LATERAL (SELECT at FROM run_leaves AS leaves
              WHERE leaves.project = changed.project COLLATE "C" AND leaves.agent = changed.agent COLLATE "C"
                AND leaves.leaf = changed.leaf COLLATE "C"
              ORDER BY at LIMIT 1) AS oldest,
     LATERAL (SELECT at, trace_id FROM run_leaves AS leaves
              WHERE leaves.project = changed.project COLLATE "C" AND leaves.agent = changed.agent COLLATE "C"
                AND leaves.leaf = changed.leaf COLLATE "C"
              ORDER BY at DESC, trace_id LIMIT 1) AS newest
WHERE stored.project = changed.project COLLATE "C" AND stored.agent = changed.agent COLLATE "C"
  AND stored.leaf = changed.leaf COLLATE "C"
