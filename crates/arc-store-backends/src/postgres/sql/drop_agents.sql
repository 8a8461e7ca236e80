-- One that has only running runs stays.
DELETE FROM agents AS stored
USING unnest($1::text[], $2::text[]) AS changed (project, name)
WHERE stored.project = changed.project COLLATE "C" AND stored.name = changed.name COLLATE "C"
  AND stored.runs = 0
  AND NOT EXISTS (SELECT FROM runs WHERE runs.project = stored.project AND runs.agent = stored.name)
