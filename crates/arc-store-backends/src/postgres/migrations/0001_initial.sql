-- Ids are bytes, times are nanoseconds since the Unix epoch, unsigned numbers are kept by their bits.
-- Names are escaped (`text.rs`) and compared by their bytes.

CREATE TABLE projects (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    created_at BIGINT           NOT NULL
);

-- Names too long for an index, by the short form that stands for them everywhere else.
CREATE TABLE long_names (
    short TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    whole TEXT COLLATE "C" NOT NULL
);

-- Each writing program takes a block of numbers for its segments and counts within it by itself.
CREATE SEQUENCE segment_blocks MINVALUE 0 START 0 INCREMENT 65536;

-- Tells programs that settle apart.
CREATE SEQUENCE holders;

-- Bodies and records of appended batches, compressed. Never changed; numbers are never used again,
-- because references go by number.
CREATE TABLE segments (
    id        BIGINT           NOT NULL PRIMARY KEY,
    project   TEXT COLLATE "C" NOT NULL,
    raw_bytes BIGINT           NOT NULL,
    data      BYTEA            NOT NULL
);
ALTER TABLE segments ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE traces (
    key          BIGINT           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project      TEXT COLLATE "C" NOT NULL,
    trace_id     BYTEA            NOT NULL,
    received_at  BIGINT           NOT NULL,
    written_at   BIGINT           NOT NULL,
    -- Appends that changed something, how many of them the settled run has seen, how many the last
    -- run whatever it was, and when that was; before the first, when the trace began.
    writes       BIGINT           NOT NULL,
    settled      BIGINT           NOT NULL DEFAULT 0,
    seen         BIGINT           NOT NULL DEFAULT 0,
    seen_at      BIGINT           NOT NULL,
    -- Spans without a parent that ended, and spans that have a time at all.
    ended_roots  BIGINT           NOT NULL,
    timed_spans  BIGINT           NOT NULL,
    -- Which program analyses the trace, and until when the others leave it alone, by this server's clock.
    lease_holder BIGINT           NOT NULL DEFAULT 0,
    lease_until  TIMESTAMPTZ      NOT NULL DEFAULT '-infinity',
    UNIQUE (project, trace_id)
) WITH (fillfactor = 85);

-- What the settling loop asks for several times a second, whatever the size of the store.
CREATE INDEX traces_ready ON traces (written_at, key)
    WHERE settled < writes AND (ended_roots > 0 OR timed_spans = 0);
CREATE INDEX traces_waiting ON traces (written_at, key)
    WHERE settled < writes AND NOT (ended_roots > 0 OR timed_spans = 0);
CREATE INDEX traces_running ON traces (written_at, key)
    WHERE seen < writes AND NOT (ended_roots > 0 OR timed_spans = 0);

CREATE TABLE spans (
    trace        BIGINT   NOT NULL,
    revision     BIGINT   NOT NULL,
    segment      BIGINT   NOT NULL,
    byte_offset  BIGINT   NOT NULL,
    byte_length  BIGINT   NOT NULL,
    -- 1: a root that ended; 2: has a time.
    flags        BIGINT   NOT NULL,
    span_id      BYTEA    NOT NULL,
    content_hash BYTEA    NOT NULL,
    PRIMARY KEY (trace, span_id)
);

-- The row is locked by who settles until the commit, so numbers become visible in their order.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO counters (name, value) VALUES ('change', 0);

-- Settled runs. `body` is the whole run; the columns are what is filtered and ordered by.
CREATE TABLE runs (
    key        BIGINT           NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project    TEXT COLLATE "C" NOT NULL,
    trace_id   BYTEA            NOT NULL,
    agent      TEXT COLLATE "C" NOT NULL,
    task       TEXT COLLATE "C",
    verdict    TEXT COLLATE "C" NOT NULL,
    at         BIGINT           NOT NULL,
    seq        BIGINT           NOT NULL,
    settled_at BIGINT           NOT NULL,
    version    TEXT COLLATE "C",
    domain     TEXT COLLATE "C",
    framework  TEXT COLLATE "C",
    body       TEXT COLLATE "C" NOT NULL,
    -- What the run itself adds to the sums of cost, as JSON.
    costs      TEXT COLLATE "C" NOT NULL,
    UNIQUE (project, trace_id)
);
CREATE UNIQUE INDEX runs_by_seq ON runs (seq);
CREATE INDEX runs_by_time ON runs (project, at DESC, trace_id);
CREATE INDEX runs_by_agent ON runs (project, agent, at DESC, trace_id);
CREATE INDEX runs_by_task ON runs (project, task, at DESC, trace_id) WHERE task IS NOT NULL;

CREATE TABLE findings (
    run      BIGINT           NOT NULL,
    position BIGINT           NOT NULL,
    project  TEXT COLLATE "C" NOT NULL,
    agent    TEXT COLLATE "C" NOT NULL,
    leaf     TEXT COLLATE "C" NOT NULL,
    at       BIGINT           NOT NULL,
    trace_id BYTEA            NOT NULL,
    body     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, position)
);
CREATE INDEX findings_by_time ON findings (project, at DESC, trace_id, position);
CREATE INDEX findings_by_agent ON findings (project, agent, at DESC, trace_id, position);
CREATE INDEX findings_by_leaf ON findings (project, leaf, at DESC, trace_id, position);

-- Which runs have findings of which leaf, and how many of each severity.
CREATE TABLE run_leaves (
    run      BIGINT           NOT NULL,
    leaf     TEXT COLLATE "C" NOT NULL,
    project  TEXT COLLATE "C" NOT NULL,
    agent    TEXT COLLATE "C" NOT NULL,
    at       BIGINT           NOT NULL,
    trace_id BYTEA            NOT NULL,
    low      BIGINT           NOT NULL,
    medium   BIGINT           NOT NULL,
    high     BIGINT           NOT NULL,
    critical BIGINT           NOT NULL,
    PRIMARY KEY (run, leaf)
);
CREATE INDEX run_leaves_by_leaf ON run_leaves (project, leaf, at DESC, trace_id, run);
CREATE INDEX run_leaves_by_agent ON run_leaves (project, agent, leaf, at DESC, trace_id);

-- The rollups: what the figures are read from. Kept in the transaction that settles runs.
CREATE TABLE agents (
    project     TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    runs        BIGINT           NOT NULL,
    succeeded   BIGINT           NOT NULL,
    failed      BIGINT           NOT NULL,
    -- Of the latest run.
    last_run_at BIGINT           NOT NULL DEFAULT 0,
    version     TEXT COLLATE "C",
    domain      TEXT COLLATE "C",
    framework   TEXT COLLATE "C",
    PRIMARY KEY (project, name)
);

CREATE TABLE agent_tasks (
    project   TEXT COLLATE "C" NOT NULL,
    agent     TEXT COLLATE "C" NOT NULL,
    -- False and an empty task: runs without one.
    has_task  BOOLEAN          NOT NULL,
    task      TEXT COLLATE "C" NOT NULL,
    succeeded BIGINT           NOT NULL,
    failed    BIGINT           NOT NULL,
    unknown   BIGINT           NOT NULL,
    PRIMARY KEY (project, agent, has_task, task)
);

CREATE TABLE agent_days (
    project            TEXT COLLATE "C" NOT NULL,
    agent              TEXT COLLATE "C" NOT NULL,
    day                BIGINT           NOT NULL,
    succeeded          BIGINT           NOT NULL,
    failed             BIGINT           NOT NULL,
    unknown            BIGINT           NOT NULL,
    step_limit         BIGINT           NOT NULL,
    timeout            BIGINT           NOT NULL,
    priced             BIGINT           NOT NULL,
    cost_nano_usd      BIGINT           NOT NULL,
    tool_calls_judged  BIGINT           NOT NULL,
    tool_calls_correct BIGINT           NOT NULL,
    PRIMARY KEY (project, agent, day)
);

CREATE TABLE agent_leaves (
    project  TEXT COLLATE "C" NOT NULL,
    agent    TEXT COLLATE "C" NOT NULL,
    leaf     TEXT COLLATE "C" NOT NULL,
    runs     BIGINT           NOT NULL,
    low      BIGINT           NOT NULL,
    medium   BIGINT           NOT NULL,
    high     BIGINT           NOT NULL,
    critical BIGINT           NOT NULL,
    -- Of the runs with a finding of the leaf.
    first_at BIGINT           NOT NULL DEFAULT 0,
    last_at  BIGINT           NOT NULL DEFAULT 0,
    latest   BYTEA            NOT NULL DEFAULT '',
    PRIMARY KEY (project, agent, leaf)
);

CREATE TABLE agent_unpriced (
    project TEXT COLLATE "C" NOT NULL,
    agent   TEXT COLLATE "C" NOT NULL,
    -- The reason as JSON.
    why     TEXT COLLATE "C" NOT NULL,
    runs    BIGINT           NOT NULL,
    PRIMARY KEY (project, agent, why)
);

-- How cost and time divide. Kept in the transaction that settles runs; the sums are the fields of `CostSums`, in order.
CREATE TABLE cost_days (
    project            TEXT COLLATE "C" NOT NULL,
    dimension          TEXT COLLATE "C" NOT NULL,
    agent              TEXT COLLATE "C" NOT NULL,
    day                BIGINT           NOT NULL,
    -- False and an empty name: what has none.
    has_name           BOOLEAN          NOT NULL,
    name               TEXT COLLATE "C" NOT NULL,
    runs               BIGINT           NOT NULL,
    succeeded          BIGINT           NOT NULL,
    failed             BIGINT           NOT NULL,
    priced_runs        BIGINT           NOT NULL,
    calls              BIGINT           NOT NULL,
    failed_calls       BIGINT           NOT NULL,
    input_tokens       BIGINT           NOT NULL,
    output_tokens      BIGINT           NOT NULL,
    cached_tokens      BIGINT           NOT NULL,
    uncounted_calls    BIGINT           NOT NULL,
    cost               BIGINT           NOT NULL,
    unpriced_calls     BIGINT           NOT NULL,
    repeated_calls     BIGINT           NOT NULL,
    repeated_cost      BIGINT           NOT NULL,
    reported_cost      BIGINT           NOT NULL,
    reported_cost_here BIGINT           NOT NULL,
    reported_calls     BIGINT           NOT NULL,
    time_ns            BIGINT           NOT NULL,
    timed              BIGINT           NOT NULL,
    model_ns           BIGINT           NOT NULL,
    tool_ns            BIGINT           NOT NULL,
    first_token_ns     BIGINT           NOT NULL,
    first_token_calls  BIGINT           NOT NULL,
    PRIMARY KEY (project, dimension, agent, day, has_name, name)
);

-- Divisions by what can be as many as runs: over all time only.
CREATE TABLE cost_totals (
    project            TEXT COLLATE "C" NOT NULL,
    dimension          TEXT COLLATE "C" NOT NULL,
    agent              TEXT COLLATE "C" NOT NULL,
    has_name           BOOLEAN          NOT NULL,
    name               TEXT COLLATE "C" NOT NULL,
    runs               BIGINT           NOT NULL,
    succeeded          BIGINT           NOT NULL,
    failed             BIGINT           NOT NULL,
    priced_runs        BIGINT           NOT NULL,
    calls              BIGINT           NOT NULL,
    failed_calls       BIGINT           NOT NULL,
    input_tokens       BIGINT           NOT NULL,
    output_tokens      BIGINT           NOT NULL,
    cached_tokens      BIGINT           NOT NULL,
    uncounted_calls    BIGINT           NOT NULL,
    cost               BIGINT           NOT NULL,
    unpriced_calls     BIGINT           NOT NULL,
    repeated_calls     BIGINT           NOT NULL,
    repeated_cost      BIGINT           NOT NULL,
    reported_cost      BIGINT           NOT NULL,
    reported_cost_here BIGINT           NOT NULL,
    reported_calls     BIGINT           NOT NULL,
    time_ns            BIGINT           NOT NULL,
    timed              BIGINT           NOT NULL,
    model_ns           BIGINT           NOT NULL,
    tool_ns            BIGINT           NOT NULL,
    first_token_ns     BIGINT           NOT NULL,
    first_token_calls  BIGINT           NOT NULL,
    PRIMARY KEY (project, dimension, agent, has_name, name)
);
CREATE INDEX cost_totals_dearest ON cost_totals (project, dimension, cost DESC, has_name, name, agent);
CREATE INDEX cost_totals_of_agent ON cost_totals (project, dimension, agent, cost DESC, has_name, name);

-- The ledger of what was captured: one row per source. `body` is the whole entry; the columns are what
-- is ordered by, and what decides which entries are folded together.
CREATE TABLE captures (
    project  TEXT COLLATE "C" NOT NULL,
    source   TEXT COLLATE "C" NOT NULL,
    last_at  BIGINT           NOT NULL,
    -- A process of which nothing more can come.
    is_ended BOOLEAN          NOT NULL,
    body     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, source)
);
CREATE INDEX captures_by_time ON captures (project, last_at DESC, source);
