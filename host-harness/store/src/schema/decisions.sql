-- What people decided about findings. A decision is of a finding by the id that
-- it always has, so that it is there again when the finding is. Rows are never
-- changed but for their end: they are the history.
CREATE TABLE decisions (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL,
    finding     INTEGER NOT NULL,           -- public_id of the finding
    decision    TEXT NOT NULL,              -- accepted-risk, false-positive, …
    reason      TEXT,
    comment     TEXT,
    author      TEXT NOT NULL,
    decided_at  INTEGER NOT NULL,
    until       INTEGER,                    -- up to which moment it holds
    assignee    TEXT,
    labels      TEXT NOT NULL,              -- JSON
    issue       INTEGER,                    -- the issue that it was made on: what joins that takes it over
    ended_at    INTEGER,                    -- null while it is in force
    ended       TEXT,                       -- replaced, cleared, expired
    ended_by    TEXT                        -- null where nobody ended it
) STRICT;
CREATE INDEX decisions_by_finding ON decisions (finding);
CREATE UNIQUE INDEX decisions_in_force ON decisions (finding) WHERE ended_at IS NULL;
CREATE INDEX decisions_with_end ON decisions (until) WHERE ended_at IS NULL AND until IS NOT NULL;
CREATE INDEX decisions_on_issues ON decisions (issue) WHERE ended_at IS NULL AND issue IS NOT NULL;
