-- Whether an instance is paused, apart from how it is; whether it was restored
-- and nobody has accepted yet what it may reach, which only one that is paused
-- can be; and the last of its runs
-- that was made under other settings or for another account: an incremental
-- sync does not build on runs up to that one.
ALTER TABLE instances ADD COLUMN paused_at INTEGER;
ALTER TABLE instances ADD COLUMN paused_reason TEXT;
ALTER TABLE instances ADD COLUMN unaccepted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instances ADD COLUMN outdated_run INTEGER NOT NULL DEFAULT 0;

-- Instances that are being set up step by step, until they are saved.
CREATE TABLE onboarding (
    name        TEXT PRIMARY KEY,           -- of the instance to be
    document    TEXT NOT NULL,              -- JSON: what was decided so far; never a secret
    started_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which of the vendor's projects are wanted, as JSON; null for all. A project
-- that is listed for the first time and is not among them begins as ignored.
ALTER TABLE instances ADD COLUMN wanted_projects TEXT;
