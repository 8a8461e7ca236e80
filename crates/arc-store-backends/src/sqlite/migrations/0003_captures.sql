-- The ledger of what was captured: one row per source. `body` is the whole entry; the columns are what
-- is ordered by, and what decides which entries are folded together.
CREATE TABLE captures (
    project  TEXT    NOT NULL,
    source   TEXT    NOT NULL,
    last_at  INTEGER NOT NULL,
    -- 1: a process of which nothing more can come.
    is_ended INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (project, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX captures_by_time ON captures (project, last_at DESC, source);
