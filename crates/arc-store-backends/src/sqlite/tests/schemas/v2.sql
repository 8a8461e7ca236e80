PRAGMA application_id = 1634886469;
PRAGMA user_version = 2;
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
CREATE TABLE projects (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
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
    body       TEXT    NOT NULL,
    UNIQUE (project, trace_id)
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
CREATE INDEX findings_by_agent ON findings (project, agent, at DESC, trace_id, position);
CREATE INDEX findings_by_leaf ON findings (project, leaf, at DESC, trace_id, position);
CREATE INDEX findings_by_time ON findings (project, at DESC, trace_id, position);
CREATE INDEX run_leaves_by_agent ON run_leaves (project, agent, leaf, at DESC, trace_id);
CREATE INDEX run_leaves_by_leaf ON run_leaves (project, leaf, at DESC, trace_id, run);
CREATE INDEX runs_by_agent ON runs (project, agent, at DESC, trace_id);
CREATE UNIQUE INDEX runs_by_seq ON runs (seq);
CREATE INDEX runs_by_task ON runs (project, task, at DESC, trace_id) WHERE task IS NOT NULL;
CREATE INDEX runs_by_time ON runs (project, at DESC, trace_id);
CREATE INDEX traces_ready ON traces (written_at, key)
    WHERE settled < writes AND (ended_roots > 0 OR timed_spans = 0);
CREATE INDEX traces_running ON traces (written_at, key)
    WHERE seen < writes AND NOT (ended_roots > 0 OR timed_spans = 0);
CREATE INDEX traces_waiting ON traces (written_at, key)
    WHERE settled < writes AND NOT (ended_roots > 0 OR timed_spans = 0);
INSERT INTO agent_days (project, agent, day, succeeded, failed, unknown, step_limit, timeout, priced, cost_nano_usd, tool_calls_judged, tool_calls_correct) VALUES ('default', 'writer', 0, 0, 1, 1, 0, 0, 2, 2178421706070, 46, 52);
INSERT INTO agent_leaves (project, agent, leaf, runs, low, medium, high, critical, first_at, last_at, latest) VALUES ('default', 'writer', 'output-truncated', 1, 1, 0, 0, 0, 2000000000, 2000000000, x'f0e5c24001a01abeb898baea795d91f5');
INSERT INTO agent_leaves (project, agent, leaf, runs, low, medium, high, critical, first_at, last_at, latest) VALUES ('default', 'writer', 'retry-loop', 2, 0, 2, 1, 2, 1000000000, 2000000000, x'f0e5c24001a01abeb898baea795d91f5');
INSERT INTO agent_leaves (project, agent, leaf, runs, low, medium, high, critical, first_at, last_at, latest) VALUES ('default', 'writer', 'tool-error', 1, 0, 0, 1, 0, 2000000000, 2000000000, x'f0e5c24001a01abeb898baea795d91f5');
INSERT INTO agent_tasks (project, agent, has_task, task, succeeded, failed, unknown) VALUES ('default', 'writer', 0, '', 0, 0, 1);
INSERT INTO agent_tasks (project, agent, has_task, task, succeeded, failed, unknown) VALUES ('default', 'writer', 1, '', 0, 1, 0);
INSERT INTO agents (project, name, runs, succeeded, failed, last_run_at, version, domain, framework) VALUES ('default', 'writer', 2, 0, 1, 2000000000, NULL, 'customer booking refund ', CAST(x'6c696e650a627265616b0d0a09746162' AS TEXT));
INSERT INTO counters (name, value) VALUES ('change', 2);
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
INSERT INTO runs (key, project, trace_id, agent, task, verdict, at, seq, settled_at, version, domain, framework, body) VALUES (1, 'default', x'18b656a6f65ddc547e2f1c4a0a73c2e3', 'writer', NULL, 'unknown', 1000000000, 1, 1000000000, NULL, 'refund the the a the flight ünïcode cancel booking refund the customer cancel reservation not cancel the flight reservation customer refund a customer reservation ünïcode the ünïcode cancel the cancel policy a policy a customer the flight a the policy the cancel a customer cancel refund policy refund refund ünïcode flight policy flight not the not the reservation policy ünïcode ünïcode the refund refund not ünïcode cancel not reservation booking cancel policy ünïcode a ünïcode ünïcode the a booking booking customer customer not booking a booking cancel policy cancel a booking refund policy a cancel a customer customer flight cancel reservation a not booking booking the not customer cancel reservation customer ünïcode reservation cancel refund ünïcode reservation refund refund reservation booking reservation customer booking not cancel refund refund policy customer flight ünïcode policy refund ünïcode not ünïcode ünïcode refund flight customer reservation policy ', '{"looks": ["like", "JSON"]}', '{"trace_id":"18b656a6f65ddc547e2f1c4a0a73c2e3","agent":{"name":"writer"},"task":null,"trial":null,"session":"a session","user":"cancel customer not booking refund ünïcode cancel flight flight ünïcode ünïcode booking customer ünïcode a flight refund flight booking not policy booking the refund policy a customer booking booking ünïcode refund customer ünïcode flight cancel flight a the cancel refund booking ünïcode customer ünïcode the booking the flight not ünïcode reservation cancel customer not refund policy booking refund not a the refund customer a customer flight not the policy not ünïcode policy not a customer flight refund reservation a the booking customer cancel a flight customer policy customer ünïcode ünïcode a booking a refund flight ","started_at":"1970-01-01T00:00:01Z","received_at":"1970-01-01T11:00:00Z","duration_ms":0.3333333333333333,"is_running":false,"outcome":{"verdict":"unknown","source":null,"claims":[]},"termination":"oom","death":null,"error":"a the customer ","cost":{"state":"known","total":0,"lines":[]},"input_tokens":7140583214689448950,"output_tokens":9976078355178257192,"span_count":34,"llm_calls":15,"tool_calls":26,"tool_calls_judged":17,"tool_calls_correct":21,"models":[],"framework":{"id":"{\"looks\": [\"like\", \"JSON\"]}","version":"line\nbreak\r\n\ttab","confidence":null,"evidence":[{"span_id":"69550b471cd23416","field":"scope","excerpt":""}]},"domain":{"id":"refund the the a the flight ünïcode cancel booking refund the customer cancel reservation not cancel the flight reservation customer refund a customer reservation ünïcode the ünïcode cancel the cancel policy a policy a customer the flight a the policy the cancel a customer cancel refund policy refund refund ünïcode flight policy flight not the not the reservation policy ünïcode ünïcode the refund refund not ünïcode cancel not reservation booking cancel policy ünïcode a ünïcode ünïcode the a booking booking customer customer not booking a booking cancel policy cancel a booking refund policy a cancel a customer customer flight cancel reservation a not booking booking the not customer cancel reservation customer ünïcode reservation cancel refund ünïcode reservation refund refund reservation booking reservation customer booking not cancel refund refund policy customer flight ünïcode policy refund ünïcode not ünïcode ünïcode refund flight customer reservation policy ","version":"cancel the flight ","confidence":-2.5e+17,"evidence":[]},"findings":[{"leaf":"retry-loop","count":3}],"input_preview":"","output_preview":"line\nbreak\r\n\ttab"}');
INSERT INTO runs (key, project, trace_id, agent, task, verdict, at, seq, settled_at, version, domain, framework, body) VALUES (2, 'default', x'f0e5c24001a01abeb898baea795d91f5', 'writer', '', 'failed', 2000000000, 2, 1000000000, NULL, 'customer booking refund ', CAST(x'6c696e650a627265616b0d0a09746162' AS TEXT), '{"trace_id":"f0e5c24001a01abeb898baea795d91f5","agent":{"name":"writer"},"task":"","trial":null,"session":"a session","user":"\u0000","started_at":"1970-01-01T00:00:02Z","received_at":"1970-01-02T11:00:00Z","duration_ms":-2.5e+17,"is_running":false,"outcome":{"verdict":"failed","source":"human","claims":[{"verdict":"failed","source":"human","reason":"ünïcode policy a ","span_id":"ef347e3815502412"}]},"termination":"oom","death":{"during":null,"after":"flight customer flight ","exit_code":3222307877,"signal":2017598164},"error":"a customer flight ","cost":{"state":"known","total":2178421706070,"lines":[{"price_row":"naïve café Straße ﷽","class":"input","tokens":818347,"amount":832299514090},{"price_row":"policy policy policy ","class":"input","tokens":734683,"amount":919896102863},{"price_row":"cancel flight cancel ","class":"input","tokens":624825,"amount":426226089117}]},"input_tokens":null,"output_tokens":5428840650601775418,"span_count":0,"llm_calls":3,"tool_calls":6,"tool_calls_judged":29,"tool_calls_correct":31,"models":[],"framework":{"id":"line\nbreak\r\n\ttab","version":"{\"looks\": [\"like\", \"JSON\"]}","confidence":1e-300,"evidence":[]},"domain":{"id":"customer booking refund ","version":"reservation the ünïcode ","confidence":null,"evidence":[]},"findings":[{"leaf":"retry-loop","count":2},{"leaf":"tool-error","count":1},{"leaf":"output-truncated","count":1}],"input_preview":"not flight refund flight refund customer refund reservation not cancel a a not ünïcode cancel ünïcode booking not customer booking not cancel reservation ünïcode refund not ünïcode flight customer flight the the the the a cancel the booking cancel flight a the policy ünïcode cancel not not policy ünïcode customer customer customer a flight booking reservation ünïcode ünïcode refund ünïcode a customer the the customer policy reservation ünïcode ünïcode cancel refund flight flight booking booking policy refund cancel customer the reservation customer the not ünïcode policy reservation a ünïcode a reservation refund reservation policy policy refund cancel policy ünïcode refund a cancel policy a ünïcode customer ünïcode customer not a flight cancel a reservation reservation policy flight customer customer customer cancel reservation booking a refund cancel the customer cancel booking flight not policy the policy ","output_preview":"cancel refund policy customer cancel a booking refund booking the the a policy booking not refund a "}');
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
