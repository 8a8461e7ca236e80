-- One that has only running runs stays.
DELETE FROM agents
WHERE project = ?1 AND name = ?2 AND runs = 0
  AND NOT EXISTS (SELECT 1 FROM runs WHERE project = ?1 AND agent = ?2)
