-- What is known of the file itself: one row, and the only one of its page.
CREATE TABLE file (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    -- Another one each time the database is written from its log, so that an older copy of it is told from it.
    mark INTEGER NOT NULL,
    -- The namespace of all runs, once the file was opened with one.
    namespace TEXT
);
INSERT INTO file (id, mark) VALUES (1, 0);
-- The types of activities and workflows that processes died of, perhaps.
CREATE TABLE suspect (
    is_workflow INTEGER NOT NULL,
    name        TEXT NOT NULL,
    -- How many processes ended while a worker had something of the type.
    deaths      INTEGER NOT NULL,
    -- Whether a worker has something of it.
    is_running  INTEGER NOT NULL,
    not_before  INTEGER NOT NULL,
    PRIMARY KEY (is_workflow, name)
) WITHOUT ROWID;
