DELETE FROM agent_unpriced AS stored
USING unnest($1::text[], $2::text[], $3::text[]) AS changed (project, agent, why)
WHERE stored.project = changed.project COLLATE "C" AND stored.agent = changed.agent COLLATE "C" AND stored.why = changed.why COLLATE "C"
  AND stored.runs = 0
