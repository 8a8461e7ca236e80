-- Runs are visible while they run: how many appends the last run has seen whatever it was, and when
-- that was; before the first, when the trace began. `settled` is 0 while the run is running.
ALTER TABLE traces ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE traces ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
UPDATE traces SET seen = settled, seen_at = received_at;

CREATE INDEX traces_running ON traces (written_at, key)
    WHERE seen < writes AND NOT (ended_roots > 0 OR timed_spans = 0);

-- Until now only runs that were left idle were settled without an end, and they are counted.
UPDATE runs SET body = json_set(body, '$.is_running', json('false')) WHERE json_extract(body, '$.is_running');
