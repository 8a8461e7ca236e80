-- Work that programs share out while their traces are in a store without locks.
CREATE TABLE leases (
    work    BYTEA            NOT NULL PRIMARY KEY,
    program TEXT COLLATE "C" NOT NULL,
    until   TIMESTAMPTZ      NOT NULL
);
CREATE INDEX leases_by_time ON leases (until);
