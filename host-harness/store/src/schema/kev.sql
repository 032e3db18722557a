-- Whether a vulnerability is known to be exploited: its advisory is in the KEV
-- catalogue that the operator gave.
ALTER TABLE findings ADD COLUMN kev INTEGER NOT NULL DEFAULT 0;
ALTER TABLE issues ADD COLUMN kev INTEGER NOT NULL DEFAULT 0;

-- As before, and with that column.
DROP TRIGGER stale_after_update;
CREATE TRIGGER stale_after_update AFTER UPDATE OF project_id, occurrence_id, severity, status, security, title,
    rule_id, path, start_line, package_id, reachability, advisories, priority, cvss, epss, kev, first_seen_at, closed_at
    ON findings WHEN new.id NOT IN (SELECT finding_id FROM dirty_findings) BEGIN
    INSERT INTO dirty_findings VALUES (new.id);
END;
