INSERT INTO long_names (short, whole)
SELECT short, whole FROM unnest($1::text[], $2::text[]) AS name (short, whole)
ON CONFLICT DO NOTHING
