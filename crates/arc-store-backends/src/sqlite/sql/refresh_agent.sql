UPDATE agents
SET last_run_at = latest.at, version = latest.version, domain = latest.domain, framework = latest.framework
FROM (SELECT at, version, domain, framework FROM runs
      WHERE project = ?1 AND agent = ?2
      ORDER BY at DESC, trace_id LIMIT 1) AS latest
WHERE project = ?1 AND name = ?2
