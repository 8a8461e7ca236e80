SELECT day, succeeded, failed, unknown, step_limit, timeout, priced, cost_nano_usd, tool_calls_judged,
       tool_calls_correct
FROM agent_days WHERE project = $1 AND agent = $2
ORDER BY day
