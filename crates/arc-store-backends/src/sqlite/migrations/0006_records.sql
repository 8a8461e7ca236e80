-- Records: `tags` is a JSON list of texts, `body` whatever the writer put there.
CREATE TABLE records (
    project    TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    rank       INTEGER NOT NULL,
    tags       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (project, collection, id)
) STRICT;
CREATE INDEX records_by_rank ON records (project, collection, rank DESC, id);

-- The tags of records, for listings.
CREATE TABLE record_tags (
    project    TEXT    NOT NULL,
    collection TEXT    NOT NULL,
    tag        TEXT    NOT NULL,
    rank       INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    PRIMARY KEY (project, collection, tag, rank DESC, id)
) STRICT, WITHOUT ROWID;
