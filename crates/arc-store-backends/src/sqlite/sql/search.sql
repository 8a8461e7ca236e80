-- The index is read backwards, from the newest run on; CROSS JOIN keeps it first.
SELECT t.rowid, r.trace_id, s.span_id, r.agent, r.at
FROM search_text AS t
CROSS JOIN search_spans AS s ON s.id = t.rowid
CROSS JOIN runs AS r ON r.key = s.run
WHERE t.search_text MATCH ?1 AND t.rowid >= ?2 AND t.rowid < ?3
ORDER BY t.rowid DESC
LIMIT ?4
