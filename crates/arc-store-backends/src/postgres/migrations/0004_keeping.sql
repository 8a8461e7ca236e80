-- What runs are deleted by, beside agent and time.
ALTER TABLE runs ADD COLUMN session TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN user_id TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN is_running BOOLEAN NOT NULL DEFAULT false;
-- It ended, and its text as it is now is not indexed.
ALTER TABLE runs ADD COLUMN text_waits BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX runs_by_session ON runs (project, session, at, trace_id) WHERE session IS NOT NULL;
CREATE INDEX runs_by_user ON runs (project, user_id, at, trace_id) WHERE user_id IS NOT NULL;
CREATE INDEX runs_waiting_for_text ON runs (seq) WHERE text_waits;

-- Runs from before this are analysed once more, which fills these columns. Text with a character zero in it is no
-- JSON to PostgreSQL, so it is not done here.
UPDATE traces SET settled = 0 WHERE settled > 0;

-- Segments that deleted spans referred to, which compacting looks through; and how often it began to.
CREATE TABLE stale_segments (
    segment BIGINT NOT NULL PRIMARY KEY,
    -- How often compacting had begun when it was noted last.
    round   BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('compaction', 0);

-- Searchable spans. The words are as they are to be found; the text is in the segments.
CREATE TABLE search_spans (
    run      BIGINT           NOT NULL,
    position BIGINT           NOT NULL,
    project  TEXT COLLATE "C" NOT NULL,
    agent    TEXT COLLATE "C" NOT NULL,
    at       BIGINT           NOT NULL,
    trace_id BYTEA            NOT NULL,
    span_id  BYTEA            NOT NULL,
    words    TSVECTOR         NOT NULL,
    PRIMARY KEY (run, position)
);
CREATE INDEX search_spans_by_word ON search_spans USING gin (words);
CREATE INDEX search_spans_by_time ON search_spans (project, at DESC, trace_id, position);
