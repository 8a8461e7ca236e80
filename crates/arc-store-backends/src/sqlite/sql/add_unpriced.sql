INSERT INTO agent_unpriced (project, agent, why, runs)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET runs = runs + excluded.runs
