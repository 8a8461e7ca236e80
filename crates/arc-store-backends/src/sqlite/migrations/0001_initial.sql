-- Ids are blobs, times are nanoseconds since the Unix epoch, unsigned numbers are kept by their bits.

CREATE TABLE projects (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Bodies and records of appended batches, compressed. Never changed; numbers are never used again,
-- because references go by number.
CREATE TABLE segments (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    project   TEXT    NOT NULL,
    raw_bytes INTEGER NOT NULL,
    data      BLOB    NOT NULL
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
    timed_spans INTEGER NOT NULL,
    UNIQUE (project, trace_id)
) STRICT;

-- What the settling loop asks for several times a second, whatever the size of the store.
CREATE INDEX traces_ready ON traces (written_at, key)
    WHERE settled < writes AND (ended_roots > 0 OR timed_spans = 0);
CREATE INDEX traces_waiting ON traces (written_at, key)
    WHERE settled < writes AND NOT (ended_roots > 0 OR timed_spans = 0);

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

CREATE TABLE counters (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('change', 0);

-- Settled runs. `body` is the whole run; the columns are what is filtered and ordered by.
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
CREATE UNIQUE INDEX runs_by_seq ON runs (seq);
CREATE INDEX runs_by_time ON runs (project, at DESC, trace_id);
CREATE INDEX runs_by_agent ON runs (project, agent, at DESC, trace_id);
CREATE INDEX runs_by_task ON runs (project, task, at DESC, trace_id) WHERE task IS NOT NULL;

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
CREATE INDEX findings_by_time ON findings (project, at DESC, trace_id, position);
CREATE INDEX findings_by_agent ON findings (project, agent, at DESC, trace_id, position);
CREATE INDEX findings_by_leaf ON findings (project, leaf, at DESC, trace_id, position);

-- Which runs have findings of which leaf, and how many of each severity.
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
CREATE INDEX run_leaves_by_leaf ON run_leaves (project, leaf, at DESC, trace_id, run);
CREATE INDEX run_leaves_by_agent ON run_leaves (project, agent, leaf, at DESC, trace_id);

-- The rollups: what the figures are read from. Kept in the transaction that settles runs.
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

CREATE TABLE agent_unpriced (
    project TEXT    NOT NULL,
    agent   TEXT    NOT NULL,
    -- The reason as JSON.
    why     TEXT    NOT NULL,
    runs    INTEGER NOT NULL,
    PRIMARY KEY (project, agent, why)
) STRICT, WITHOUT ROWID;
