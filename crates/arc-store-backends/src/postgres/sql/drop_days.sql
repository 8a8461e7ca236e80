DELETE FROM agent_days AS stored
USING unnest($1::text[], $2::text[], $3::int8[]) AS changed (project, agent, day)
WHERE stored.project = changed.project COLLATE "C" AND stored.agent = changed.agent COLLATE "C" AND stored.day = changed.day
  AND stored.succeeded = 0 AND stored.failed = 0 AND stored.unknown = 0
