SELECT name, version, domain, framework, runs, succeeded, failed, last_run_at
FROM agents WHERE project = $1
ORDER BY last_run_at DESC, name
