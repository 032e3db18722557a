-- Instances whose deletion has begun: whatever opens the store finishes it.
-- The row goes last, when the proof is made.
CREATE TABLE deletions (
    instance_id INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    plan        TEXT NOT NULL,              -- JSON: what was there
    started_at  INTEGER NOT NULL
) STRICT;
