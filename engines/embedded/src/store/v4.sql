-- When the first task of a run was or is to be, if that is not its start.
ALTER TABLE execution ADD COLUMN execution_time INTEGER;
-- The topmost ancestor of a run that has a parent.
ALTER TABLE execution ADD COLUMN root_workflow_id TEXT;
ALTER TABLE execution ADD COLUMN root_run_id TEXT;
-- Of the runs that there are, as far as their parents are still there.
UPDATE execution SET (root_workflow_id, root_run_id) = (
    WITH RECURSIVE up (workflow_id, run_id, height) AS (
        VALUES (execution.parent_workflow_id, execution.parent_run_id, 0)
        UNION ALL
        SELECT p.parent_workflow_id, p.parent_run_id, up.height + 1
        FROM up JOIN execution p ON p.run_id = up.run_id
        WHERE p.parent_run_id IS NOT NULL AND up.height < 1000
    )
    SELECT up.workflow_id, up.run_id FROM up ORDER BY up.height DESC LIMIT 1
) WHERE parent_run_id IS NOT NULL;

-- The search attributes that there are, with the number of their type.
CREATE TABLE attribute (
    name TEXT PRIMARY KEY,
    type INTEGER NOT NULL
) WITHOUT ROWID;

-- What values are found by: as themselves, not as JSON, so that they can be compared. It is filled from the runs.
DROP TABLE search_attribute;
CREATE TABLE search_attribute (
    name  TEXT NOT NULL,
    value NOT NULL,
    key   INTEGER NOT NULL,
    PRIMARY KEY (name, value, key)
) WITHOUT ROWID;
CREATE INDEX search_attribute_key ON search_attribute (key, name, value);
