INSERT INTO agent_leaves AS stored (project, agent, leaf, runs, low, medium, high, critical)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[])
ON CONFLICT (project, agent, leaf) DO UPDATE SET
    runs     = stored.runs + excluded.runs,
    low      = stored.low + excluded.low,
    medium   = stored.medium + excluded.medium,
    high     = stored.high + excluded.high,
    critical = stored.critical + excluded.critical
