INSERT INTO stale_segments (segment, round)
SELECT asked.segment, counted.value
FROM unnest($1::int8[]) AS asked (segment), (SELECT value FROM counters WHERE name = 'compaction') AS counted
ORDER BY asked.segment
ON CONFLICT (segment) DO UPDATE SET round = excluded.round
