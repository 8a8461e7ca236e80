DELETE FROM agent_tasks AS stored
USING unnest($1::text[], $2::text[], $3::bool[], $4::text[]) AS changed (project, agent, has_task, task)
WHERE stored.project = changed.project COLLATE "C" AND stored.agent = changed.agent COLLATE "C" AND stored.has_task = changed.has_task AND stored.task = changed.task COLLATE "C"
  AND stored.succeeded = 0 AND stored.failed = 0 AND stored.unknown = 0
