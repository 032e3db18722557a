-- Findings that changed since what is derived from them was last brought up to
-- date: issues, policy results, metrics. Whatever changes findings fills it, in
-- its own transaction; `refresh` empties it. Who inserts one derives that at
-- once, or marks it here.
--
-- The triggers do not say OR IGNORE, in whose place the rule of the statement
-- outside counts. Statements that write findings say OR FAIL: an error ends
-- their transaction anyhow, and SQLite need not be ready to take back one row
-- of several. It would be for a table with a rowid, which may be no integer.
CREATE TABLE dirty_findings (
    finding_id  INTEGER PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TRIGGER stale_after_update AFTER UPDATE OF project_id, occurrence_id, severity, status, security, title,
    rule_id, path, start_line, package_id, reachability, advisories, priority, cvss, epss, first_seen_at, closed_at ON findings
    WHEN new.id NOT IN (SELECT finding_id FROM dirty_findings) BEGIN
    INSERT INTO dirty_findings VALUES (new.id);
END;
CREATE TRIGGER stale_after_delete AFTER DELETE ON findings
    WHEN old.id NOT IN (SELECT finding_id FROM dirty_findings) BEGIN
    INSERT INTO dirty_findings VALUES (old.id);
END;
-- A finding shows its repository and its project's scan fields.
CREATE TRIGGER stale_after_mapping AFTER UPDATE OF repository_id, environment, branch, tag, metadata ON projects BEGIN
    INSERT OR IGNORE INTO dirty_findings SELECT id FROM findings WHERE project_id = new.id;
END;
INSERT INTO dirty_findings SELECT id FROM findings;
