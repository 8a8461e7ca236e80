INSERT INTO agent_unpriced AS stored (project, agent, why, runs)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[])
ON CONFLICT (project, agent, why) DO UPDATE SET
    runs = stored.runs + excluded.runs
