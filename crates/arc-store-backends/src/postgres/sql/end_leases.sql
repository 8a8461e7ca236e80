-- Those that are being taken are left alone.
DELETE FROM leases WHERE work IN (SELECT work FROM leases WHERE until <= now() ORDER BY work LIMIT 10000 FOR UPDATE SKIP LOCKED)
