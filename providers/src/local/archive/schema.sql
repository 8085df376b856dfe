CREATE TABLE shards (
    shard INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE instances (
    instance INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    shard INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    name TEXT NOT NULL,
    state INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    turns INTEGER NOT NULL,
    events INTEGER NOT NULL,
    wake_at INTEGER,
    length INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE TABLE turns (
    instance INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX by_id ON instances (id);
CREATE INDEX running ON instances (id) WHERE state = 0;
CREATE INDEX running_by_time ON instances (updated_at, name) WHERE state = 0;
CREATE INDEX failed ON instances (id) WHERE state >= 2;
CREATE INDEX suspended ON instances (id) WHERE state = 5;
CREATE INDEX parked ON instances (id) WHERE state = 6;
CREATE INDEX finished ON instances (updated_at, name, state) WHERE state <> 0;
CREATE INDEX waking ON instances (shard) WHERE state = 0 AND wake_at IS NOT NULL;
CREATE INDEX telling ON instances (shard) WHERE state <> 0 AND wake_at IS NOT NULL;
CREATE UNIQUE INDEX turns_in_order ON turns (instance, execution, first);
