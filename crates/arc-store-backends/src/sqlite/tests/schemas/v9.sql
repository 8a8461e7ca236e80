PRAGMA application_id = 1634886469;
PRAGMA user_version = 9;
CREATE TABLE agent_days (
    project            TEXT    NOT NULL,
    agent              TEXT    NOT NULL,
    day                INTEGER NOT NULL,
    succeeded          INTEGER NOT NULL,
    failed             INTEGER NOT NULL,
    unknown            INTEGER NOT NULL,
    step_limit         INTEGER NOT NULL,
    timeout            INTEGER NOT NULL,
    priced             INTEGER NOT NULL,
    cost_nano_usd      INTEGER NOT NULL,
    tool_calls_judged  INTEGER NOT NULL,
    tool_calls_correct INTEGER NOT NULL,
    PRIMARY KEY (project, agent, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE agent_leaves (
    project  TEXT    NOT NULL,
    agent    TEXT    NOT NULL,
    leaf     TEXT    NOT NULL,
    runs     INTEGER NOT NULL,
    low      INTEGER NOT NULL,
    medium   INTEGER NOT NULL,
    high     INTEGER NOT NULL,
    critical INTEGER NOT NULL,
    -- Of the runs with a finding of the leaf.
    first_at INTEGER NOT NULL DEFAULT 0,
    last_at  INTEGER NOT NULL DEFAULT 0,
    latest   BLOB    NOT NULL DEFAULT x'',
    PRIMARY KEY (project, agent, leaf)
) STRICT, WITHOUT ROWID;
CREATE TABLE agent_tasks (
    project   TEXT    NOT NULL,
    agent     TEXT    NOT NULL,
    -- 0 and an empty task: runs without one.
    has_task  INTEGER NOT NULL,
    task      TEXT    NOT NULL,
    succeeded INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    unknown   INTEGER NOT NULL,
    PRIMARY KEY (project, agent, has_task, task)
) STRICT, WITHOUT ROWID;
CREATE TABLE agent_unpriced (
    project TEXT    NOT NULL,
    agent   TEXT    NOT NULL,
    -- The reason as JSON.
    why     TEXT    NOT NULL,
    runs    INTEGER NOT NULL,
    PRIMARY KEY (project, agent, why)
) STRICT, WITHOUT ROWID;
CREATE TABLE agents (
    project     TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    runs        INTEGER NOT NULL,
    succeeded   INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    -- Of the latest run.
    last_run_at INTEGER NOT NULL DEFAULT 0,
    version     TEXT,
    domain      TEXT,
    framework   TEXT,
    PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE alerts (
    project    TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    raised_at  INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    deliveries TEXT    NOT NULL,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE captures (
    project  TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    last_at  INTEGER NOT NULL,
    -- 1: a process of which nothing more can come.
    is_ended INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (project, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE cost_days (
    project            TEXT    NOT NULL,
    dimension          TEXT    NOT NULL,
    agent              TEXT    NOT NULL,
    day                INTEGER NOT NULL,
    -- 0 and an empty name: what has none.
    has_name           INTEGER NOT NULL,
    name               TEXT    NOT NULL,
    runs               INTEGER NOT NULL,
    succeeded          INTEGER NOT NULL,
    failed             INTEGER NOT NULL,
    priced_runs        INTEGER NOT NULL,
    calls              INTEGER NOT NULL,
    failed_calls       INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    cached_tokens      INTEGER NOT NULL,
    uncounted_calls    INTEGER NOT NULL,
    cost               INTEGER NOT NULL,
    unpriced_calls     INTEGER NOT NULL,
    repeated_calls     INTEGER NOT NULL,
    repeated_cost      INTEGER NOT NULL,
    reported_cost      INTEGER NOT NULL,
    reported_cost_here INTEGER NOT NULL,
    reported_calls     INTEGER NOT NULL,
    time_ns            INTEGER NOT NULL,
    timed              INTEGER NOT NULL,
    model_ns           INTEGER NOT NULL,
    tool_ns            INTEGER NOT NULL,
    first_token_ns     INTEGER NOT NULL,
    first_token_calls  INTEGER NOT NULL,
    PRIMARY KEY (project, dimension, day, agent, has_name, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE cost_totals (
    project            TEXT    NOT NULL,
    dimension          TEXT    NOT NULL,
    agent              TEXT    NOT NULL,
    has_name           INTEGER NOT NULL,
    name               TEXT    NOT NULL,
    runs               INTEGER NOT NULL,
    succeeded          INTEGER NOT NULL,
    failed             INTEGER NOT NULL,
    priced_runs        INTEGER NOT NULL,
    calls              INTEGER NOT NULL,
    failed_calls       INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    cached_tokens      INTEGER NOT NULL,
    uncounted_calls    INTEGER NOT NULL,
    cost               INTEGER NOT NULL,
    unpriced_calls     INTEGER NOT NULL,
    repeated_calls     INTEGER NOT NULL,
    repeated_cost      INTEGER NOT NULL,
    reported_cost      INTEGER NOT NULL,
    reported_cost_here INTEGER NOT NULL,
    reported_calls     INTEGER NOT NULL,
    time_ns            INTEGER NOT NULL,
    timed              INTEGER NOT NULL,
    model_ns           INTEGER NOT NULL,
    tool_ns            INTEGER NOT NULL,
    first_token_ns     INTEGER NOT NULL,
    first_token_calls  INTEGER NOT NULL,
    PRIMARY KEY (project, dimension, agent, has_name, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE findings (
    run      INTEGER NOT NULL,
    position INTEGER NOT NULL,
    project  TEXT    NOT NULL,
    agent    TEXT    NOT NULL,
    leaf     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    trace_id BLOB    NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
    work    BLOB    NOT NULL PRIMARY KEY,
    program TEXT    NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE notes (
    project TEXT NOT NULL,
    name    TEXT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE projects (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE record_tags (
    project    TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    tag        TEXT    NOT NULL,
    rank       INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    PRIMARY KEY (project, collection, tag, rank DESC, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
    project    TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    rank       INTEGER NOT NULL,
    tags       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (project, collection, id)
) STRICT;
CREATE TABLE run_leaves (
    run      INTEGER NOT NULL,
    leaf     TEXT    NOT NULL,
    project  TEXT    NOT NULL,
    agent    TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    trace_id BLOB    NOT NULL,
    low      INTEGER NOT NULL,
    medium   INTEGER NOT NULL,
    high     INTEGER NOT NULL,
    critical INTEGER NOT NULL,
    PRIMARY KEY (run, leaf)
) STRICT, WITHOUT ROWID;
CREATE TABLE runs (
    key        INTEGER PRIMARY KEY,
    project    TEXT    NOT NULL,
    trace_id   BLOB    NOT NULL,
    agent      TEXT    NOT NULL,
    task       TEXT,
    verdict    TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    version    TEXT,
    domain     TEXT,
    framework  TEXT,
    body       TEXT    NOT NULL, costs TEXT, session TEXT, user TEXT, is_running INTEGER NOT NULL DEFAULT 0, text_waits INTEGER NOT NULL DEFAULT 0, packed_body BLOB, packed_costs BLOB,
    UNIQUE (project, trace_id)
) STRICT;
CREATE TABLE search_runs (
    run   INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;
CREATE TABLE search_spans (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,
    span_id BLOB    NOT NULL
) STRICT;
CREATE TABLE segments (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    project   TEXT    NOT NULL,
    raw_bytes INTEGER NOT NULL,
    data      BLOB    NOT NULL
) STRICT;
CREATE TABLE spans (
    trace        INTEGER NOT NULL,
    span_id      BLOB    NOT NULL,
    revision     INTEGER NOT NULL,
    content_hash BLOB    NOT NULL,
    segment      INTEGER NOT NULL,
    offset       INTEGER NOT NULL,
    length       INTEGER NOT NULL,
    -- 1: a root that ended; 2: has a time.
    flags        INTEGER NOT NULL,
    PRIMARY KEY (trace, span_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE stale_segments (
    segment INTEGER PRIMARY KEY,
    -- How often compacting had begun when it was noted last.
    round   INTEGER NOT NULL
) STRICT;
CREATE TABLE traces (
    key         INTEGER PRIMARY KEY,
    project     TEXT    NOT NULL,
    trace_id    BLOB    NOT NULL,
    received_at INTEGER NOT NULL,
    written_at  INTEGER NOT NULL,
    -- Appends that changed something, and how many of them the settled run has seen.
    writes      INTEGER NOT NULL,
    settled     INTEGER NOT NULL DEFAULT 0,
    -- Spans without a parent that ended, and spans that have a time at all.
    ended_roots INTEGER NOT NULL,
    timed_spans INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0, seen_at INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project, trace_id)
) STRICT;
CREATE INDEX alerts_by_time ON alerts (project, raised_at DESC, id);
CREATE INDEX captures_by_time ON captures (project, last_at DESC, source);
CREATE INDEX cost_totals_dearest ON cost_totals (project, dimension, cost DESC, has_name, name, agent);
CREATE INDEX cost_totals_of_agent ON cost_totals (project, dimension, agent, cost DESC, has_name, name);
CREATE INDEX findings_by_agent ON findings (project, agent, at DESC, trace_id, position);
CREATE INDEX findings_by_leaf ON findings (project, leaf, at DESC, trace_id, position);
CREATE INDEX findings_by_time ON findings (project, at DESC, trace_id, position);
CREATE INDEX leases_by_time ON leases (until);
CREATE INDEX records_by_rank ON records (project, collection, rank DESC, id);
CREATE INDEX run_leaves_by_agent ON run_leaves (project, agent, leaf, at DESC, trace_id);
CREATE INDEX run_leaves_by_leaf ON run_leaves (project, leaf, at DESC, trace_id, run);
CREATE INDEX runs_by_agent ON runs (project, agent, at DESC, trace_id);
CREATE UNIQUE INDEX runs_by_seq ON runs (seq);
CREATE INDEX runs_by_session ON runs (project, session, at, trace_id) WHERE session IS NOT NULL;
CREATE INDEX runs_by_task ON runs (project, task, at DESC, trace_id) WHERE task IS NOT NULL;
CREATE INDEX runs_by_time ON runs (project, at DESC, trace_id);
CREATE INDEX runs_by_user ON runs (project, user, at, trace_id) WHERE user IS NOT NULL;
CREATE INDEX runs_waiting_for_text ON runs (seq) WHERE text_waits = 1;
CREATE INDEX traces_ready ON traces (written_at, key)
    WHERE settled < writes AND (ended_roots > 0 OR timed_spans = 0);
CREATE INDEX traces_running ON traces (written_at, key)
    WHERE seen < writes AND NOT (ended_roots > 0 OR timed_spans = 0);
CREATE INDEX traces_waiting ON traces (written_at, key)
    WHERE settled < writes AND NOT (ended_roots > 0 OR timed_spans = 0);
CREATE VIRTUAL TABLE search_text USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
INSERT INTO agent_days (project, agent, day, succeeded, failed, unknown, step_limit, timeout, priced, cost_nano_usd, tool_calls_judged, tool_calls_correct) VALUES ('default', 'writer', 0, 0, 1, 1, 0, 0, 2, 2178421706070, 46, 52);
INSERT INTO agent_leaves (project, agent, leaf, runs, low, medium, high, critical, first_at, last_at, latest) VALUES ('default', 'writer', 'output-truncated', 1, 1, 0, 0, 0, 2000000000, 2000000000, x'f0e5c24001a01abeb898baea795d91f5');
INSERT INTO agent_leaves (project, agent, leaf, runs, low, medium, high, critical, first_at, last_at, latest) VALUES ('default', 'writer', 'retry-loop', 2, 0, 2, 1, 2, 1000000000, 2000000000, x'f0e5c24001a01abeb898baea795d91f5');
INSERT INTO agent_leaves (project, agent, leaf, runs, low, medium, high, critical, first_at, last_at, latest) VALUES ('default', 'writer', 'tool-error', 1, 0, 0, 1, 0, 2000000000, 2000000000, x'f0e5c24001a01abeb898baea795d91f5');
INSERT INTO agent_tasks (project, agent, has_task, task, succeeded, failed, unknown) VALUES ('default', 'writer', 0, '', 0, 0, 1);
INSERT INTO agent_tasks (project, agent, has_task, task, succeeded, failed, unknown) VALUES ('default', 'writer', 1, '', 0, 1, 0);
INSERT INTO agents (project, name, runs, succeeded, failed, last_run_at, version, domain, framework) VALUES ('default', 'writer', 2, 0, 1, 2000000000, NULL, 'customer booking refund ', CAST(x'6c696e650a627265616b0d0a09746162' AS TEXT));
INSERT INTO counters (name, value) VALUES ('change', 2);
INSERT INTO counters (name, value) VALUES ('compaction', 0);
INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body) VALUES (1, 0, 'default', 'writer', 'retry-loop', 1000000000, x'18b656a6f65ddc547e2f1c4a0a73c2e3', '{"id":"18b656a6f65ddc547e2f1c4a0a73c2e3-retry-loop-b735efe81f1dde14","trace_id":"18b656a6f65ddc547e2f1c4a0a73c2e3","leaf":"retry-loop","severity":"medium","title":"👩‍👩‍👧‍👦🇪🇺 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ‮right to left","evidence":[{"span_id":"b735efe81f1dde14","field":"status","excerpt":"not not flight "}],"detector":"made-up@1","confidence":{"state":"unmeasured"},"cause":"root"}');
INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body) VALUES (1, 1, 'default', 'writer', 'retry-loop', 1000000000, x'18b656a6f65ddc547e2f1c4a0a73c2e3', '{"id":"18b656a6f65ddc547e2f1c4a0a73c2e3-retry-loop-10dd056c918b2b32","trace_id":"18b656a6f65ddc547e2f1c4a0a73c2e3","leaf":"retry-loop","severity":"high","title":"flight the cancel ","evidence":[{"span_id":"10dd056c918b2b32","field":"status","excerpt":"flight refund reservation policy the policy refund the a the cancel not policy flight cancel refund policy reservation the policy customer refund policy flight the refund cancel the a booking cancel booking refund flight not flight ünïcode …"}],"detector":"made-up@1","confidence":{"state":"unmeasured"},"cause":"root"}');
INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body) VALUES (1, 2, 'default', 'writer', 'retry-loop', 1000000000, x'18b656a6f65ddc547e2f1c4a0a73c2e3', '{"id":"18b656a6f65ddc547e2f1c4a0a73c2e3-retry-loop-573a3c14f48571ae","trace_id":"18b656a6f65ddc547e2f1c4a0a73c2e3","leaf":"retry-loop","severity":"critical","title":"not flight policy ","evidence":[{"span_id":"573a3c14f48571ae","field":"status","excerpt":"reservation booking refund customer booking customer booking refund refund customer refund policy reservation the cancel ünïcode flight reservation policy flight customer flight refund refund ünïcode flight the not ünïcode ünïcode ünïcode f…"}],"detector":"made-up@1","confidence":{"state":"unmeasured"},"cause":"root"}');
INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body) VALUES (2, 0, 'default', 'writer', 'retry-loop', 2000000000, x'f0e5c24001a01abeb898baea795d91f5', '{"id":"f0e5c24001a01abeb898baea795d91f5-retry-loop-357045ec956088d7","trace_id":"f0e5c24001a01abeb898baea795d91f5","leaf":"retry-loop","severity":"medium","title":"not not cancel ","evidence":[{"span_id":"357045ec956088d7","field":"status","excerpt":"refund policy refund flight customer policy refund policy policy policy customer booking customer reservation customer reservation customer ünïcode cancel refund ünïcode customer customer policy policy booking reservation refund refund book…"}],"detector":"made-up@1","confidence":{"state":"unmeasured"},"cause":"root"}');
INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body) VALUES (2, 1, 'default', 'writer', 'tool-error', 2000000000, x'f0e5c24001a01abeb898baea795d91f5', '{"id":"f0e5c24001a01abeb898baea795d91f5-tool-error-357c25f9a1cfbb79","trace_id":"f0e5c24001a01abeb898baea795d91f5","leaf":"tool-error","severity":"high","title":"\u0000","evidence":[{"span_id":"357c25f9a1cfbb79","field":"status","excerpt":""}],"detector":"made-up@1","confidence":{"state":"unmeasured"},"cause":"root"}');
INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body) VALUES (2, 2, 'default', 'writer', 'output-truncated', 2000000000, x'f0e5c24001a01abeb898baea795d91f5', '{"id":"f0e5c24001a01abeb898baea795d91f5-output-truncated-d5c4eef21832da03","trace_id":"f0e5c24001a01abeb898baea795d91f5","leaf":"output-truncated","severity":"low","title":"ünïcode reservation ünïcode ","evidence":[{"span_id":"d5c4eef21832da03","field":"status","excerpt":"👩‍👩‍👧‍👦🇪🇺 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ‮right to left"}],"detector":"made-up@1","confidence":{"state":"unmeasured"},"cause":"root"}');
INSERT INTO findings (run, position, project, agent, leaf, at, trace_id, body) VALUES (2, 3, 'default', 'writer', 'retry-loop', 2000000000, x'f0e5c24001a01abeb898baea795d91f5', '{"id":"f0e5c24001a01abeb898baea795d91f5-retry-loop-22c1aa40151869a1","trace_id":"f0e5c24001a01abeb898baea795d91f5","leaf":"retry-loop","severity":"critical","title":"cancel flight the ","evidence":[{"span_id":"22c1aa40151869a1","field":"status","excerpt":"line\nbreak\r\n\ttab"}],"detector":"made-up@1","confidence":{"state":"unmeasured"},"cause":"root"}');
INSERT INTO run_leaves (run, leaf, project, agent, at, trace_id, low, medium, high, critical) VALUES (1, 'retry-loop', 'default', 'writer', 1000000000, x'18b656a6f65ddc547e2f1c4a0a73c2e3', 0, 1, 1, 1);
INSERT INTO run_leaves (run, leaf, project, agent, at, trace_id, low, medium, high, critical) VALUES (2, 'output-truncated', 'default', 'writer', 2000000000, x'f0e5c24001a01abeb898baea795d91f5', 1, 0, 0, 0);
INSERT INTO run_leaves (run, leaf, project, agent, at, trace_id, low, medium, high, critical) VALUES (2, 'retry-loop', 'default', 'writer', 2000000000, x'f0e5c24001a01abeb898baea795d91f5', 0, 1, 0, 1);
INSERT INTO run_leaves (run, leaf, project, agent, at, trace_id, low, medium, high, critical) VALUES (2, 'tool-error', 'default', 'writer', 2000000000, x'f0e5c24001a01abeb898baea795d91f5', 0, 0, 1, 0);
INSERT INTO runs (key, project, trace_id, agent, task, verdict, at, seq, settled_at, version, domain, framework, body, costs, session, user, is_running, text_waits, packed_body, packed_costs) VALUES (1, 'default', x'18b656a6f65ddc547e2f1c4a0a73c2e3', 'writer', NULL, 'unknown', 1000000000, 1, 1000000000, NULL, 'refund the the a the flight ünïcode cancel booking refund the customer cancel reservation not cancel the flight reservation customer refund a customer reservation ünïcode the ünïcode cancel the cancel policy a policy a customer the flight a the policy the cancel a customer cancel refund policy refund refund ünïcode flight policy flight not the not the reservation policy ünïcode ünïcode the refund refund not ünïcode cancel not reservation booking cancel policy ünïcode a ünïcode ünïcode the a booking booking customer customer not booking a booking cancel policy cancel a booking refund policy a cancel a customer customer flight cancel reservation a not booking booking the not customer cancel reservation customer ünïcode reservation cancel refund ünïcode reservation refund refund reservation booking reservation customer booking not cancel refund refund policy customer flight ünïcode policy refund ünïcode not ünïcode ünïcode refund flight customer reservation policy ', '{"looks": ["like", "JSON"]}', '', NULL, 'a session', 'cancel customer not booking refund ünïcode cancel flight flight ünïcode ünïcode booking customer ünïcode a flight refund flight booking not policy booking the refund policy a customer booking booking ünïcode refund customer ünïcode flight cancel flight a the cancel refund booking ünïcode customer ünïcode the booking the flight not ünïcode reservation cancel customer not refund policy booking refund not a the refund customer a customer flight not the policy not ünïcode policy not a customer flight refund reservation a the booking customer cancel a flight customer policy customer ünïcode ünïcode a booking a refund flight ', 0, 1, x'28b52ffd603f09351600f6113b2880a5c9037da6298a22fdf74fc4a7f4d2dacefedfd2b6bc78008670e26d595952ca4efba9a3a2084a2e00310030006f1182caa65605dd4a917d45bdcf22a2f9917a64e46cff4a3b407d8aca39e22b3693de2d16978535a679634d493aec256bbda4ad4e2a61c86ac7aca8551990ee46dc6b7701f61ff74f5c4694b33a7e13083919f44b8d041eb4c0032d74c10456a1f0a99c8e000c0b0c0e08182202c36fe46408001d183e4dad9361a393eb960ecc7aa9f4dab194b8664c250e69eebd0ee5d43a0b0c7bdf0e3c33a482bb3b3bd8b1047ea7c667be6498c0ad974a4b6cb71484b1d7b8a1f8bd90420b1bff80dfa801db48414aca4a61382002428c728a660712a0311094077ad42288668c41a132ec1d0d31ec22191e30044aacbc1e94cf11d12c48411567685e41b045114a181e38647371f3020fc2c8187335623268ba0ed40044dbba9671b1dbf3f4a3e3b9afe39c2ebf7c0f3d13d30b7817787ab3fdbef5e3fd6dd9a7a1d62c871d7f3ab1eac47f8939ac33ae2889c06efe5a60f89d61ae7b6ac40b2b4fa0ea643ee7339a917c0b21a8d904b5991a7a3a092c5c01d431d3208fe01184978fd41d31376a8d681ac09052066917456005d80eee622b365543e88b951b1c8bc9289431b4e258cd8b06be0f8f5d2a5b54e34f47716d5f76a7a33122fa879e356cc1832c345195617c656c0cc5318c1652f6a282b9643c64c37c24eb9175887276249198d2d13ac5196bf21723a6f27a3dabcf48145f65475647e68c8a0a1322a3f9b1dd8a55864a6a9f5f175111600607a5bf14f9762cab22281a6753b15d59fb81e250461b37cd14948e2e2229b8bbf57db7ae195b89bf85d3649d2ac3baeb21d18584b395de63bc2d395212bd310c5ec8c1dcc2b79b9842841fb961eb2b5d96d613516ceb34ac71677bcddeaace004db50e4f52980cfc8a426ef875ab7bd2c6a26b5da1a6cb440db58753b95924028e5e5ee1a33016c754e33702', x'28b52ffd2017650000105d7d0200b084010db60c04');
INSERT INTO runs (key, project, trace_id, agent, task, verdict, at, seq, settled_at, version, domain, framework, body, costs, session, user, is_running, text_waits, packed_body, packed_costs) VALUES (2, 'default', x'f0e5c24001a01abeb898baea795d91f5', 'writer', '', 'failed', 2000000000, 2, 1000000000, NULL, 'customer booking refund ', CAST(x'6c696e650a627265616b0d0a09746162' AS TEXT), '', NULL, 'a session', CAST(x'00' AS TEXT), 0, 1, x'28b52ffd60bf08451700b699512f80a769033330174960a9f170c28cd8ef8fe2d36effdd66876ca3d4484641425106476ddbddddbd5332ac406932a220430047003f00cdab1363fcd4bba596df458e1614a69909e8175369786483c71f4ec331c233008d48cc04ba9383ecc445bef42b4311b085e18241e7efc9832ff9c43939a7b45a619f960c1ea057f038ad0ab4e0595c41afd0f0b874a925c7bd9ee3f68dacc60f32c7a913dbb86430903d38f75c52ddad127ba032097e0f8be83f6685380aaa0d06d32c9b589ce131e7065e6b949146873f4d647cc9b082ddd4e3c59ce3d4126b69bdd78b3966f852eb6ebd58bfd5ad7945baa2daebc40d3ec850bdb69483693183b05b3db7d4e3e720917577777777e475ca75453ab4220e914e98b3412cd0fa147da32205fa90a768219de5296248c63167b249213e6260a380018a001bd161e33b9866630194d80871ccd96c64480280b5a8a19accc848415252c8300630024210aaaaea124071209e296a4c318914a192210549a6bd036c1341ca03e7409246299ac67fa34f689789c758769bf04a52aa743f026cf3c56f2b415d126c8941cde50fef2d01002121b0d77791f467c85646ef986d5cc8527f5ed7bc4cc4ad703191558a4d0bac37dd39bec72463cf5ccb4331bf80a0697bc8bbadf9e8c546ac7b69b5f6656988688b628cc88654e5cf6b6caba6edb546b054192d051e8fbbc4d04bbe211e482fb535a909a0386fa99d19c91c48f79c097e81c9d25c3b7424d53fce09a5198d587f807584a7f4ffc7a08be19e400ff638c65f3efb87f84102e3e73dc865b87b36a466c420885cc4f95335f784f14d8c445b4f9fcd6b7a02ed594408dd5308f1556409c204110117d475664cd0fbf9fcb98c1d96201ed862f3fffa88432f5cdc4f8087df67a86ab49dd94898d9036f1c5814de63a8fe51678e7e4a1767308b1e9d7b95e1eecd8222ac41d60e71ab672411d7ab84aec10435d0e84fe592cce22e096d573af6fccaf634a6413a04fa14b1ad19a7b3442e275f18b8cbd6f49b3ff16a7ec2588fa6066c10', x'28b52ffd2017650000105d7d0200b084010db60c04');
INSERT INTO segments (id, project, raw_bytes, data) VALUES (1, 'default', 2390, x'28b52ffd605608f5070076d02f2890274907ffd777aef96e6d666f5a6a6d84586b2db1cf3edd6c23f4eecc75648e2ceb556421f0d76c2d002b0018009124512287e41011445c98e56535168dddf3a04a6c08d7a8788e84466840913548e36022e4d843c5731a10420129623bb6148d042145f6b4a6312646f112eb9ec73126328be334092a1ea3594c64380e15156b7140485102ffffffffffffffffffffffff1f318a6b51c0cea061ec180c1568085868dbb66ddbb66ddbb66ddbb66ddbb66ddbb66d4700302489124128046da811b02bab4e695903e0953603124020100c82d1e73fa95fd31a3e00341f5090b61c14da096438062020e6ff633afc87bf34adf4806c519769ab01');
INSERT INTO segments (id, project, raw_bytes, data) VALUES (2, 'default', 2390, x'28b52ffd605608f5070076d02f2890274907ffd777aef96e6d666f5a6a6d84586b2db1cf3edd6c23f4eecc7512ce2cc9497081f1d76c2d002b001e009124512287e41011445c98e56535168dddf3a04a6c08d7a8788e84466840913548e36022e4d843c5731a10420129623bb6148d042145f6b4a6312646f112eb9ec73126328be334092a1ea3594c64380e15156b71404851026ddbb66ddbb66ddbb66ddbb66ddbb66ddbb66dc428ae45013b8386b163300b34042cfcffffffffffffffffffffff7f11000c49a244100a016da811b02bab4e695903e0953603124020100c82d1e73fa95fd31a3e00341f5090b61c14da096438062020e6ff633afc87bf34adf4806c519769ab01');
INSERT INTO spans (trace, span_id, revision, content_hash, segment, offset, length, flags) VALUES (1, x'18b656a6f65ddc54', 0, x'78362c38f454f4bed15c6ea04a5b68e4', 1, 1503, 90, 0);
INSERT INTO spans (trace, span_id, revision, content_hash, segment, offset, length, flags) VALUES (1, x'9be14b7cffb40dd0', 0, x'aa58a8f06caba72b38994961d5a20dc5', 1, 706, 90, 0);
INSERT INTO spans (trace, span_id, revision, content_hash, segment, offset, length, flags) VALUES (1, x'f0e5c24001a01abe', 0, x'8a1467f7caaa9f39750bef7a0c7df9ca', 1, 2300, 90, 0);
INSERT INTO spans (trace, span_id, revision, content_hash, segment, offset, length, flags) VALUES (2, x'18b656a6f65ddc54', 0, x'b49e1592c1d415e03366b3f87de20ad0', 2, 1503, 90, 0);
INSERT INTO spans (trace, span_id, revision, content_hash, segment, offset, length, flags) VALUES (2, x'9be14b7cffb40dd0', 0, x'501ea157c02dd272cff2b255118607e2', 2, 706, 90, 0);
INSERT INTO spans (trace, span_id, revision, content_hash, segment, offset, length, flags) VALUES (2, x'f0e5c24001a01abe', 0, x'f60d0ad38c3e480d6fd25d5a4dc3ea22', 2, 2300, 90, 0);
INSERT INTO traces (key, project, trace_id, received_at, written_at, writes, settled, ended_roots, timed_spans, seen, seen_at) VALUES (1, 'default', x'18b656a6f65ddc547e2f1c4a0a73c2e3', 1000000000, 1000000000, 1, 1, 0, 0, 1, 1000000000);
INSERT INTO traces (key, project, trace_id, received_at, written_at, writes, settled, ended_roots, timed_spans, seen, seen_at) VALUES (2, 'default', x'f0e5c24001a01abeb898baea795d91f5', 1000000000, 1000000000, 1, 1, 0, 0, 1, 1000000000);
