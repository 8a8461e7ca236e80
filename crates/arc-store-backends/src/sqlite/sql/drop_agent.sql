DELETE FROM agents
WHERE project = ?1 AND name = ?2 AND runs = 0
