SELECT at, trace_id, position, span_id, agent FROM search_spans
WHERE project = $1 AND words @@ $2::text::tsquery
