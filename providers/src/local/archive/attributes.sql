ALTER TABLE instances ADD COLUMN attributes BLOB;

CREATE TABLE attributes (
    name TEXT NOT NULL,
    key BLOB NOT NULL,
    instance INTEGER NOT NULL,
    PRIMARY KEY (name, key, instance)
) STRICT, WITHOUT ROWID;
