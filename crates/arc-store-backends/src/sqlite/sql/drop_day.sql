DELETE FROM agent_days
WHERE project = ?1 AND agent = ?2 AND day = ?3
  AND succeeded = 0 AND failed = 0 AND unknown = 0
