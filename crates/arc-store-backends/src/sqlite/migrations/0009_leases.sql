-- Work that programs share out: who has a piece of it, and until when in milliseconds by this machine's clock.
CREATE TABLE leases (
    work    BLOB    NOT NULL PRIMARY KEY,
    program TEXT    NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_time ON leases (until);
