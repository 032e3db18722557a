-- Counts and trends for dashboards. Days are those of UTC, counted from
-- 1970-01-01.

-- What each finding contributes at present. The tables below are the sums of
-- these rows, and can be made of them again.
CREATE TABLE metric_findings (
    finding_id      INTEGER PRIMARY KEY,
    project_id      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    security        INTEGER NOT NULL,
    severity        INTEGER NOT NULL,
    status          TEXT NOT NULL,
    first_day       INTEGER NOT NULL,   -- on which it was first seen
    fix_available   INTEGER NOT NULL,   -- 1 where the vendor knows an upgrade
    labels          TEXT NOT NULL,      -- JSON: what it is counted under while it is open
    turns           TEXT NOT NULL       -- JSON: when it was opened and closed, and how
) STRICT;
CREATE INDEX metric_findings_with_fix ON metric_findings (finding_id) WHERE fix_available = 1;

-- Findings as they are.
CREATE TABLE metric_counts (
    project_id      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    security        INTEGER NOT NULL,
    severity        INTEGER NOT NULL,
    status          TEXT NOT NULL,
    first_day       INTEGER NOT NULL,
    findings        INTEGER NOT NULL,
    PRIMARY KEY (project_id, kind, security, severity, status, first_day)
) STRICT, WITHOUT ROWID;

-- Open findings by what they are about: cwe, weakness, top25, package,
-- reachability, fix.
CREATE TABLE metric_labels (
    dimension       TEXT NOT NULL,
    label           TEXT NOT NULL,
    project_id      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    security        INTEGER NOT NULL,
    findings        INTEGER NOT NULL,
    PRIMARY KEY (dimension, label, project_id, kind, security)
) STRICT, WITHOUT ROWID;

-- What happened on each day.
CREATE TABLE metric_days (
    project_id      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    security        INTEGER NOT NULL,
    severity        INTEGER NOT NULL,
    day             INTEGER NOT NULL,
    new             INTEGER NOT NULL,
    reopened        INTEGER NOT NULL,
    fixed           INTEGER NOT NULL,
    vanished        INTEGER NOT NULL,
    dismissed       INTEGER NOT NULL,
    fix_seconds     INTEGER NOT NULL,   -- of those fixed, for how long they were open
    PRIMARY KEY (project_id, kind, security, severity, day)
) STRICT, WITHOUT ROWID;
