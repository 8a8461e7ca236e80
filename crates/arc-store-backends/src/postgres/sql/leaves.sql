SELECT leaf, runs, low, medium, high, critical, first_at, last_at, latest
FROM agent_leaves WHERE project = $1 AND agent = $2
ORDER BY runs DESC, leaf
