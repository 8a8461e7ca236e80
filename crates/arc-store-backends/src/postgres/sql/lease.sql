-- Rows that somebody writes to are passed over; of two programs that ask at once, one gets a trace.
UPDATE traces SET lease_holder = $2, lease_until = now() + make_interval(secs => $3::float8)
WHERE key IN (
    SELECT key FROM traces
    WHERE key = ANY($1::int8[]) AND (lease_holder = $2 OR lease_until <= now())
    ORDER BY key
    FOR UPDATE SKIP LOCKED)
RETURNING key
