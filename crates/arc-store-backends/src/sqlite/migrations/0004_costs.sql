-- How cost and time divide. Kept in the transaction that settles runs; the sums are the fields of `CostSums`, in order.

-- What the run itself adds, as JSON; without it the run is in no division.
ALTER TABLE runs ADD COLUMN costs TEXT;

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

-- The same over all time, which answers without reading a row per day; users and sessions are only here, because there
-- can be as many as runs.
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
CREATE INDEX cost_totals_dearest ON cost_totals (project, dimension, cost DESC, has_name, name, agent);
CREATE INDEX cost_totals_of_agent ON cost_totals (project, dimension, agent, cost DESC, has_name, name);

-- Runs from before this are analysed once more, which divides them.
UPDATE traces SET settled = 0 WHERE settled > 0;
