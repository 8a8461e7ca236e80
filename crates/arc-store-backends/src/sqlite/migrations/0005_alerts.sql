-- Alerts: `body` is the whole alert without its deliveries; `deliveries` are the attempts to send it on.
CREATE TABLE alerts (
    project    TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    raised_at  INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    deliveries TEXT    NOT NULL,
    PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_time ON alerts (project, raised_at DESC, id);

-- What background work has to remember, by name.
CREATE TABLE notes (
    project TEXT NOT NULL,
    name    TEXT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;
