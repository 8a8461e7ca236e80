INSERT INTO search_spans (run, position, project, agent, at, trace_id, span_id, words)
VALUES ($1, $2, $3, $4, $5, $6, $7, array_to_tsvector($8::text[]))
