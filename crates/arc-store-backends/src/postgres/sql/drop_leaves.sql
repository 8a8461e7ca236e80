DELETE FROM agent_leaves AS stored
USING unnest($1::text[], $2::text[], $3::text[]) AS changed (project, agent, leaf)
WHERE stored.project = changed.project COLLATE "C" AND stored.agent = changed.agent COLLATE "C" AND stored.leaf = changed.leaf COLLATE "C"
  AND stored.runs = 0
