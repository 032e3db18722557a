-- When instances are synced.
CREATE TABLE schedules (
    instance_id         INTEGER PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
    plan                TEXT NOT NULL,      -- JSON: when to sync, when to read everything, time zone, jitter
    anchor              INTEGER NOT NULL,   -- when it was set: intervals are counted from here
    next_sync_at        INTEGER,            -- null where no further time is to be had
    next_full_at   INTEGER,            -- when to read everything; null where only asked
    failures            INTEGER NOT NULL DEFAULT 0, -- in a row
    not_before          INTEGER,            -- after a failure, or while another process is at work
    waiting             TEXT                -- why it did not go as planned
) STRICT, WITHOUT ROWID;

-- Share of the open findings in percent that one sync may find gone without a question; null for the default.
ALTER TABLE instances ADD COLUMN max_removal INTEGER;

-- Who is at work on an instance. Whether they still are, the lock of the instance tells.
CREATE TABLE leases (
    instance_id INTEGER PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
    work        TEXT NOT NULL,              -- sync, import, renormalize, …
    pid         INTEGER NOT NULL,
    host        TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    beat_at     INTEGER NOT NULL            -- when they were last heard of
) STRICT, WITHOUT ROWID;

-- Findings that a run did not mark as vanished, because they are too many or because it was only to show them.
CREATE TABLE vanishing (
    run_id      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    finding_id  INTEGER NOT NULL,
    PRIMARY KEY (run_id, finding_id)
) STRICT, WITHOUT ROWID;

-- What a run brought, by project.
CREATE TABLE run_projects (
    run_id      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    project_id  INTEGER NOT NULL,
    pages       INTEGER NOT NULL,           -- that held a record of it
    records     INTEGER NOT NULL,
    new         INTEGER NOT NULL,
    changed     INTEGER NOT NULL,
    unchanged   INTEGER NOT NULL,
    duplicate    INTEGER NOT NULL,
    fixed       INTEGER NOT NULL,           -- findings, as the three below
    reopened    INTEGER NOT NULL,
    vanished    INTEGER NOT NULL,
    open_vanished INTEGER NOT NULL,         -- of the vanished, those that were open
    warnings    INTEGER NOT NULL,
    rejected    INTEGER NOT NULL,
    skipped     INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,           -- of its pages
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (run_id, project_id)
) STRICT, WITHOUT ROWID;

-- Why a run waited.
CREATE TABLE run_waits (
    run_id      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    reason      TEXT NOT NULL,              -- code of the error
    waits       INTEGER NOT NULL,
    waited_ms   INTEGER NOT NULL,
    PRIMARY KEY (run_id, reason)
) STRICT, WITHOUT ROWID;
