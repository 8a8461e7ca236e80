INSERT INTO agents (project, name, runs, succeeded, failed)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO UPDATE SET
    runs      = runs + excluded.runs,
    succeeded = succeeded + excluded.succeeded,
    failed    = failed + excluded.failed
