DELETE FROM agent_unpriced
WHERE project = ?1 AND agent = ?2 AND why = ?3 AND runs = 0
