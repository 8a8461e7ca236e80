INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body)
SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::bytea[], $8::text[])
