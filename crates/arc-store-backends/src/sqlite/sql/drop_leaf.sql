DELETE FROM agent_leaves
WHERE project = ?1 AND agent = ?2 AND leaf = ?3 AND runs = 0
