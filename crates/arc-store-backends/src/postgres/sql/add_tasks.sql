INSERT INTO agent_tasks AS stored (project, agent, has_task, task, succeeded, failed, unknown)
SELECT * FROM unnest($1::text[], $2::text[], $3::bool[], $4::text[], $5::int8[], $6::int8[], $7::int8[])
ON CONFLICT (project, agent, has_task, task) DO UPDATE SET
    succeeded = stored.succeeded + excluded.succeeded,
    failed    = stored.failed + excluded.failed,
    unknown   = stored.unknown + excluded.unknown
