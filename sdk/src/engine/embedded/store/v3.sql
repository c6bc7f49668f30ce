-- What is known of the file itself: one row, and the only one of its page.
CREATE TABLE file (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    -- Another one each time the database is written from its log, so that an older copy of it is told from it.
    mark INTEGER NOT NULL
);
INSERT INTO file (id, mark) VALUES (1, 0);
