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
