INSERT INTO agent_tasks (project, agent, has_task, task, succeeded, failed, unknown)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT DO UPDATE SET
    succeeded = succeeded + excluded.succeeded,
    failed    = failed + excluded.failed,
    unknown   = unknown + excluded.unknown
