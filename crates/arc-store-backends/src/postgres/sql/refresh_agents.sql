UPDATE agents AS stored
SET last_run_at = latest.at, version = latest.version, domain = latest.domain, framework = latest.framework
FROM unnest($1::text[], $2::text[]) AS changed (project, name),
     LATERAL (SELECT at, version, domain, framework FROM runs
              WHERE runs.project = changed.project COLLATE "C" AND runs.agent = changed.name COLLATE "C"
              ORDER BY at DESC, trace_id LIMIT 1) AS latest
WHERE stored.project = changed.project COLLATE "C" AND stored.name = changed.name COLLATE "C"
