-- Rows that are equally urgent lie in the order in which they came: an index in which
-- they lie by their ids, which are hashes, is written at random places. A page of them
-- is sorted when it is asked for, and has the same order in every store.
DROP INDEX findings_by_urgency;
CREATE INDEX findings_by_urgency ON findings (
    priority DESC, severity DESC, project_id, kind, id, public_id,
    status, instance_id, reachability, package_id, first_seen_at, changed_at
) WHERE security = 1 AND (status = 'open' OR status = 'reviewing' OR status = 'fixing' OR status = 'unknown');
DROP INDEX findings_inactive;
CREATE INDEX findings_inactive ON findings (
    priority DESC, severity DESC, project_id, kind, id, public_id,
    status, security, instance_id, reachability, package_id, first_seen_at, changed_at
) WHERE NOT (security = 1 AND (status = 'open' OR status = 'reviewing' OR status = 'fixing' OR status = 'unknown'));
DROP INDEX issues_open;
CREATE INDEX issues_open ON issues (open, security, priority DESC, severity DESC, row, id);
DROP INDEX issues_by_priority;
CREATE INDEX issues_by_priority ON issues (priority DESC, severity DESC, row, id);

-- What each project has of a status is a few rows. What happened on a day is, with the
-- dates of the source, nearly a row for each finding: the age of those that are open
-- stands in the same rows, and a dashboard of everything reads their sums.
DROP TABLE metric_counts;
CREATE TABLE metric_counts (
    project_id      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    security        INTEGER NOT NULL,
    severity        INTEGER NOT NULL,
    status          TEXT NOT NULL,
    findings        INTEGER NOT NULL,
    PRIMARY KEY (project_id, kind, security, severity, status)
) STRICT, WITHOUT ROWID;
INSERT INTO metric_counts
    SELECT project_id, kind, security, severity, status, count(*) FROM metric_findings GROUP BY 1, 2, 3, 4, 5;
ALTER TABLE metric_days ADD COLUMN still_open INTEGER NOT NULL DEFAULT 0; -- first seen on it, and open
INSERT INTO metric_days
    SELECT project_id, kind, security, severity, first_day, 0, 0, 0, 0, 0, 0, count(*) FROM metric_findings
    WHERE status = 'open' OR status = 'reviewing' OR status = 'fixing' OR status = 'unknown' GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT DO UPDATE SET still_open = excluded.still_open;
CREATE TABLE metric_totals (
    day             INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    security        INTEGER NOT NULL,
    severity        INTEGER NOT NULL,
    new             INTEGER NOT NULL,
    reopened        INTEGER NOT NULL,
    fixed           INTEGER NOT NULL,
    vanished        INTEGER NOT NULL,
    dismissed       INTEGER NOT NULL,
    fix_seconds     INTEGER NOT NULL,
    still_open      INTEGER NOT NULL,
    PRIMARY KEY (day, kind, security, severity)
) STRICT, WITHOUT ROWID;
INSERT INTO metric_totals
    SELECT day, kind, security, severity, sum(new), sum(reopened), sum(fixed), sum(vanished), sum(dismissed),
        sum(fix_seconds), sum(still_open)
    FROM metric_days GROUP BY 1, 2, 3, 4;
