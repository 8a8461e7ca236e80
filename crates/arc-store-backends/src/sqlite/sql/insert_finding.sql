INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
