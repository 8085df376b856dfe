CREATE TABLE packs (
    pack INTEGER PRIMARY KEY,
    shard INTEGER NOT NULL,
    first TEXT NOT NULL,
    last TEXT NOT NULL,
    instances INTEGER NOT NULL,
    live INTEGER NOT NULL,
    name TEXT,
    created_first INTEGER NOT NULL,
    created_last INTEGER NOT NULL,
    finished_first INTEGER NOT NULL,
    finished_last INTEGER NOT NULL,
    gone BLOB NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

CREATE TABLE packed (
    pack INTEGER PRIMARY KEY,
    heads BLOB NOT NULL,
    turns BLOB NOT NULL
) STRICT;

CREATE INDEX packs_by_first ON packs (first, last);
CREATE INDEX packs_by_last ON packs (last, first);
