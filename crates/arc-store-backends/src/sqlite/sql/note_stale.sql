INSERT INTO stale_segments (segment, round)
SELECT ?1, value FROM counters WHERE name = 'compaction'
ON CONFLICT DO UPDATE SET round = excluded.round
