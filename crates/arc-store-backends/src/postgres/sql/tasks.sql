SELECT has_task, task, succeeded, failed, unknown
FROM agent_tasks WHERE project = $1 AND agent = $2
ORDER BY has_task, task
