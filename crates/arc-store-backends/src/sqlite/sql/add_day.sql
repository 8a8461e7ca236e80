-- The casts stop a sum that overflows at the largest integer.
INSERT INTO agent_days (project, agent, day, succeeded, failed, unknown, step_limit, timeout, priced,
                        cost_nano_usd, tool_calls_judged, tool_calls_correct)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT DO UPDATE SET
    succeeded          = succeeded + excluded.succeeded,
    failed             = failed + excluded.failed,
    unknown            = unknown + excluded.unknown,
    step_limit         = step_limit + excluded.step_limit,
    timeout            = timeout + excluded.timeout,
    priced             = priced + excluded.priced,
    cost_nano_usd      = CAST(cost_nano_usd + excluded.cost_nano_usd AS INTEGER),
    tool_calls_judged  = CAST(tool_calls_judged + excluded.tool_calls_judged AS INTEGER),
    tool_calls_correct = CAST(tool_calls_correct + excluded.tool_calls_correct AS INTEGER)
