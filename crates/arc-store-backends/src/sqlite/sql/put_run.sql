INSERT INTO runs (project, trace_id, agent, task, verdict, at, seq, settled_at, version, domain, framework, body,
                  packed_body, packed_costs, session, user, is_running, text_waits)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, '', ?12, ?13, ?14, ?15, ?16, NOT ?16)
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
    body       = '',
    costs      = NULL,
    packed_body  = excluded.packed_body,
    packed_costs = excluded.packed_costs,
    session    = excluded.session,
    user       = excluded.user,
    is_running = excluded.is_running,
    text_waits = excluded.text_waits
RETURNING key
