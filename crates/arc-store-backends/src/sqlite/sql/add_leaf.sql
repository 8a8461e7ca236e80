INSERT INTO agent_leaves (project, agent, leaf, runs, low, medium, high, critical)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO UPDATE SET
    runs     = runs + excluded.runs,
    low      = low + excluded.low,
    medium   = medium + excluded.medium,
    high     = high + excluded.high,
    critical = critical + excluded.critical
