-- In the order in which everybody locks them; of programs that ask at once, one gets a piece of work.
INSERT INTO leases AS stored (work, program, until)
SELECT work, $2, now() + make_interval(secs => $3::float8)
FROM (SELECT DISTINCT work FROM unnest($1::bytea[]) AS asked (work) ORDER BY work) AS asked
ON CONFLICT (work) DO UPDATE SET program = excluded.program, until = excluded.until
WHERE stored.program = excluded.program OR stored.until <= now()
RETURNING work
