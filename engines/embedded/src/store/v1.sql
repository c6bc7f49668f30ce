-- One row per run. Keys count up in the order of starting, so the highest key of a workflow id is
-- its current run and descending keys are latest start first.
CREATE TABLE execution (
    key             INTEGER PRIMARY KEY,
    workflow_id     TEXT NOT NULL,
    run_id          TEXT NOT NULL,
    workflow_type   TEXT NOT NULL,
    task_queue      TEXT NOT NULL,
    status          INTEGER NOT NULL,
    start_time      INTEGER NOT NULL,
    close_time      INTEGER,
    -- When an open run has to be looked at after a restart: 0 at once, NULL when something happens.
    wakeup          INTEGER,
    first_run_id    TEXT NOT NULL,
    request_id      TEXT,
    reset_run_id    TEXT,
    parent_workflow_id TEXT,
    parent_run_id   TEXT,
    -- Both are written when the run closes.
    history_length  INTEGER,
    history_bytes   INTEGER,
    memo            BLOB,
    search_attributes BLOB,
    -- CRC-32 of what names the run, which never changes.
    checksum        INTEGER NOT NULL
);
CREATE UNIQUE INDEX execution_run ON execution (run_id);
CREATE INDEX execution_workflow ON execution (workflow_id);
CREATE INDEX execution_status ON execution (status);
CREATE INDEX execution_type ON execution (workflow_type);
CREATE INDEX execution_start ON execution (start_time);
CREATE INDEX execution_close ON execution (close_time) WHERE close_time IS NOT NULL;
CREATE INDEX execution_wakeup ON execution (wakeup) WHERE wakeup IS NOT NULL;

-- The events of one commit each, encoded one after the other. Rows are appended, which keeps a
-- group commit of many runs in few pages.
CREATE TABLE history (
    id          INTEGER PRIMARY KEY,
    key         INTEGER NOT NULL,
    first_event INTEGER NOT NULL,
    events      BLOB NOT NULL,
    -- CRC-32 of the rest: a damaged history is never replayed as if it were right.
    checksum    INTEGER NOT NULL
);
CREATE UNIQUE INDEX history_event ON history (key, first_event);

-- What happened while a workflow task was with a worker, and waits for its answer.
CREATE TABLE buffered (
    key   INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    time  INTEGER NOT NULL,
    event BLOB NOT NULL,
    PRIMARY KEY (key, seq)
) WITHOUT ROWID;

-- What no event tells of an activity that has not ended.
CREATE TABLE activity (
    key          INTEGER NOT NULL,
    scheduled    INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    started      INTEGER NOT NULL,
    -- Which worker started the attempt, and when, if it goes on outside the process.
    worker       TEXT,
    started_time INTEGER,
    next_attempt INTEGER,
    last_failure BLOB,
    heartbeat    BLOB,
    PRIMARY KEY (key, scheduled)
) WITHOUT ROWID;

CREATE TABLE search_attribute (
    name  TEXT NOT NULL,
    value BLOB NOT NULL,
    key   INTEGER NOT NULL,
    PRIMARY KEY (name, value, key)
) WITHOUT ROWID;
CREATE INDEX search_attribute_key ON search_attribute (key);

-- Queues of which nothing is handed out.
CREATE TABLE paused_queue (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;

-- What one run still has to tell another.
CREATE TABLE job (
    id  INTEGER PRIMARY KEY,
    job BLOB NOT NULL
);
