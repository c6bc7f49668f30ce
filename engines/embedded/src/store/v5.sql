-- Runs that are deleted and whose histories are still being taken away, a part at a time.
CREATE TABLE deleted (
    key INTEGER PRIMARY KEY
);
