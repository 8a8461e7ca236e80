-- What runs are deleted by, beside agent and time.
ALTER TABLE runs ADD COLUMN session TEXT;
ALTER TABLE runs ADD COLUMN user TEXT;
ALTER TABLE runs ADD COLUMN is_running INTEGER NOT NULL DEFAULT 0;
-- 1: it ended, and its text as it is now is not indexed.
ALTER TABLE runs ADD COLUMN text_waits INTEGER NOT NULL DEFAULT 0;
UPDATE runs
SET session    = json_extract(body, '$.session'),
    user       = json_extract(body, '$.user'),
    is_running = coalesce(json_extract(body, '$.is_running'), 0),
    text_waits = NOT coalesce(json_extract(body, '$.is_running'), 0);
CREATE INDEX runs_by_session ON runs (project, session, at, trace_id) WHERE session IS NOT NULL;
CREATE INDEX runs_by_user ON runs (project, user, at, trace_id) WHERE user IS NOT NULL;
CREATE INDEX runs_waiting_for_text ON runs (seq) WHERE text_waits = 1;

-- Segments that deleted spans referred to, which compacting looks through; and how often it began to.
CREATE TABLE stale_segments (
    segment INTEGER PRIMARY KEY,
    -- How often compacting had begun when it was noted last.
    round   INTEGER NOT NULL
) STRICT;
INSERT INTO counters (name, value) VALUES ('compaction', 0);

-- Searchable spans. Numbers grow with the time of the run, and within a run against its order, so that the newest
-- come first when they are read from the end. Each run has a row of numbers to itself.
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
-- Words only, each once: the text is in the segments. Words come as they are to be found, so nothing is left to split.
CREATE VIRTUAL TABLE search_text USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
