-- Records: `tags` is a JSON list of texts, `body` whatever the writer put there.
CREATE TABLE records (
    project    TEXT COLLATE "C" NOT NULL,
    collection TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    version    BIGINT           NOT NULL,
    rank       BIGINT           NOT NULL,
    tags       TEXT COLLATE "C" NOT NULL,
    body       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, collection, id)
);
CREATE INDEX records_by_rank ON records (project, collection, rank DESC, id);

-- The tags of records, for listings.
CREATE TABLE record_tags (
    project    TEXT COLLATE "C" NOT NULL,
    collection TEXT COLLATE "C" NOT NULL,
    tag        TEXT COLLATE "C" NOT NULL,
    rank       BIGINT           NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (project, collection, tag, rank, id)
);
CREATE INDEX record_tags_by_rank ON record_tags (project, collection, tag, rank DESC, id);
