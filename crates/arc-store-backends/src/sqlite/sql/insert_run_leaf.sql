INSERT INTO run_leaves (run, leaf, project, agent, at, trace_id, low, medium, high, critical)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
