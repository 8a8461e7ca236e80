-- Sums stop at the largest number.
INSERT INTO agent_days AS stored (project, agent, day, succeeded, failed, unknown, step_limit, timeout, priced, cost_nano_usd, tool_calls_judged, tool_calls_correct)
SELECT * FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::int8[])
ON CONFLICT (project, agent, day) DO UPDATE SET
    succeeded          = stored.succeeded + excluded.succeeded,
    failed             = stored.failed + excluded.failed,
    unknown            = stored.unknown + excluded.unknown,
    step_limit         = stored.step_limit + excluded.step_limit,
    timeout            = stored.timeout + excluded.timeout,
    priced             = stored.priced + excluded.priced,
    cost_nano_usd      = least(9223372036854775807, stored.cost_nano_usd::numeric + excluded.cost_nano_usd)::int8,
    tool_calls_judged  = least(9223372036854775807, stored.tool_calls_judged::numeric + excluded.tool_calls_judged)::int8,
    tool_calls_correct = least(9223372036854775807, stored.tool_calls_correct::numeric + excluded.tool_calls_correct)::int8
