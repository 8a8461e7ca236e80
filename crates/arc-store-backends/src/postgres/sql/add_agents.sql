INSERT INTO agents AS stored (project, name, runs, succeeded, failed)
SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[])
ON CONFLICT (project, name) DO UPDATE SET
    runs      = stored.runs + excluded.runs,
    succeeded = stored.succeeded + excluded.succeeded,
    failed    = stored.failed + excluded.failed
