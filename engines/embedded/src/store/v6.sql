-- Schedules, each as one record with what it waits for.
CREATE TABLE schedule (
    id TEXT PRIMARY KEY,
    record BLOB NOT NULL
) WITHOUT ROWID;
