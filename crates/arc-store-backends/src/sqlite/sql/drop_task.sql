DELETE FROM agent_tasks
WHERE project = ?1 AND agent = ?2 AND has_task = ?3 AND task = ?4
  AND succeeded = 0 AND failed = 0 AND unknown = 0
