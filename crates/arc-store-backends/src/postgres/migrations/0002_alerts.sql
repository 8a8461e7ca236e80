-- Alerts: `body` is the whole alert without its deliveries; `deliveries` are the attempts to send it on.
CREATE TABLE alerts (
    project    TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    raised_at  BIGINT           NOT NULL,
    body       TEXT COLLATE "C" NOT NULL,
    deliveries TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, id)
);
CREATE INDEX alerts_by_time ON alerts (project, raised_at DESC, id);

-- What background work has to remember, by name.
CREATE TABLE notes (
    project TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    text    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, name)
);
