-- Indexes that the views answer from. Each one costs time at every write: there
-- are few, and most of them hold only the rows that are asked for. Their
-- conditions are alternatives, and not lists: for each row that is written,
-- SQLite would make a table of a list.

-- What is about security and asks for work, most urgent first, and in the same
-- order the rest. The columns after the order let most filters be decided
-- without a look at the rows. Rows of one project that are equally urgent lie
-- together: a page that is written touches few pages of the file.
CREATE INDEX findings_by_urgency ON findings (
    priority DESC, severity DESC, project_id, kind, public_id,
    status, instance_id, reachability, package_id, first_seen_at, changed_at
) WHERE security = 1 AND (status = 'open' OR status = 'reviewing' OR status = 'fixing' OR status = 'unknown');
CREATE INDEX findings_inactive ON findings (
    priority DESC, severity DESC, project_id, kind, public_id,
    status, security, instance_id, reachability, package_id, first_seen_at, changed_at
) WHERE NOT (security = 1 AND (status = 'open' OR status = 'reviewing' OR status = 'fixing' OR status = 'unknown'));

-- Counts per project, and what a change of a project's mapping touches.
CREATE INDEX findings_by_project ON findings (project_id, kind, status, security);

-- Open findings of packages.
CREATE INDEX findings_by_package ON findings (package_id, severity, status)
    WHERE package_id IS NOT NULL AND (status = 'open' OR status = 'reviewing' OR status = 'fixing' OR status = 'unknown');

-- Finds an advisory's number without a look at the rows.
CREATE INDEX findings_by_advisory ON findings (advisories) WHERE advisories IS NOT NULL;
