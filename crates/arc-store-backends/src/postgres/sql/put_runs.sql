INSERT INTO runs (project, trace_id, agent, task, verdict, at, seq, settled_at, version, domain, framework, body,
                  costs, session, user_id, is_running, text_waits)
SELECT project, trace_id, agent, task, verdict, at, seq, $8, version, domain, framework, body, costs, session, user_id,
       is_running, NOT is_running
FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::int8[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bool[])
    AS run (project, trace_id, agent, task, verdict, at, seq, version, domain, framework, body, costs, session, user_id,
            is_running)
ON CONFLICT (project, trace_id) DO UPDATE SET
    agent      = excluded.agent,
    task       = excluded.task,
    verdict    = excluded.verdict,
    at         = excluded.at,
    seq        = excluded.seq,
    settled_at = excluded.settled_at,
    version    = excluded.version,
    domain     = excluded.domain,
    framework  = excluded.framework,
    body       = excluded.body,
    costs      = excluded.costs,
    session    = excluded.session,
    user_id    = excluded.user_id,
    is_running = excluded.is_running,
    text_waits = excluded.text_waits,
    text_is_unreadable = false
RETURNING seq, key
