CREATE TABLE executions (
    instance INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    id TEXT NOT NULL,
    shard INTEGER NOT NULL,
    name TEXT NOT NULL,
    state INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    turns INTEGER NOT NULL,
    events INTEGER NOT NULL,
    wake_at INTEGER,
    length INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    attributes BLOB,
    PRIMARY KEY (instance, execution)
) STRICT, WITHOUT ROWID;
