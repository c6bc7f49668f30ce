-- What no event tells of a workflow task that an earlier process had, or may have had: it is there from the moment in
-- which a worker is about to get the task until the task is answered.
CREATE TABLE task (
    key        INTEGER PRIMARY KEY,
    attempt    INTEGER NOT NULL,
    -- How many processes in a row ended while a worker had the task.
    deaths     INTEGER NOT NULL,
    -- Which worker has it; NULL while none has.
    worker     TEXT,
    not_before INTEGER
);
