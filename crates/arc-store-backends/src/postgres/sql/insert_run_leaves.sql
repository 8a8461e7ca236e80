INSERT INTO run_leaves (run, leaf, project, agent, at, trace_id, low, medium, high, critical)
SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::bytea[],
                     $7::int8[], $8::int8[], $9::int8[], $10::int8[])
