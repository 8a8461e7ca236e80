UPDATE agent_leaves
SET first_at = oldest.at, last_at = newest.at, latest = newest.trace_id
FROM (SELECT at FROM run_leaves
      WHERE project = ?1 AND agent = ?2 AND leaf = ?3
      ORDER BY at LIMIT 1) AS oldest,
     (SELECT at, trace_id FROM run_leaves
      WHERE project = ?1 AND agent = ?2 AND leaf = ?3
      ORDER BY at DESC, trace_id LIMIT 1) AS newest
WHERE project = ?1 AND agent = ?2 AND leaf = ?3
