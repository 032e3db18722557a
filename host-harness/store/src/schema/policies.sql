-- The tenant's policies and their results.

-- Policy files as they were imported; the newest is in force, the last few are
-- kept. What a file says is evaluated in steps: the cursors tell how far it got.
CREATE TABLE policy_files (
    id              INTEGER PRIMARY KEY,
    version         TEXT NOT NULL,          -- of its policies together; empty where they were cleared
    policies        INTEGER NOT NULL,       -- how many
    over_issues     INTEGER NOT NULL,       -- 1 where one of them is evaluated over issues
    imported_at     INTEGER NOT NULL,
    finding_cursor  INTEGER,                -- row ids of findings up to here are evaluated; null: all of them
    issue_cursor    INTEGER,                -- the same of issues
    content         TEXT NOT NULL           -- TOML
) STRICT;

-- Versions of policies that results are of.
CREATE TABLE policies (
    id              INTEGER PRIMARY KEY,
    policy_id       TEXT NOT NULL,
    version         TEXT NOT NULL,
    severity        INTEGER NOT NULL,       -- of a violation, as in findings
    UNIQUE (policy_id, version)
) STRICT;

-- Policies that are violated, or that nobody can tell it of. Whatever has no
-- row is not violated.
CREATE TABLE policy_results (
    over            INTEGER NOT NULL,       -- 0 a finding, 1 an issue
    subject_id      INTEGER NOT NULL,       -- row id of the finding, or the issue's id
    policy          INTEGER NOT NULL,       -- row id
    result          INTEGER NOT NULL,       -- 0 violated, 1 error
    open            INTEGER NOT NULL,       -- 1 where the subject asks for work
    since           INTEGER NOT NULL,       -- so long without a break, over all versions of the policy
    evaluated_at    INTEGER NOT NULL,
    reason          TEXT,                   -- of an error
    PRIMARY KEY (over, subject_id, policy)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_results_by_policy ON policy_results (policy, open, result);

-- When results have to be looked at again although nothing has happened: a
-- count of days reaches a number that a condition names.
CREATE TABLE policy_due (
    over            INTEGER NOT NULL,
    subject_id      INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    PRIMARY KEY (over, subject_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_due_by_time ON policy_due (due_at);

-- Issues that changed since policies were last evaluated over them.
CREATE TABLE dirty_issues (
    issue_id        INTEGER PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE VIEW policies_over_issues AS
    SELECT over_issues AS used FROM policy_files WHERE id = (SELECT max(id) FROM policy_files);
-- As those of findings: without OR IGNORE.
CREATE TRIGGER stale_issue_after_insert AFTER INSERT ON issues
    WHEN (SELECT used FROM policies_over_issues) AND new.id NOT IN (SELECT issue_id FROM dirty_issues) BEGIN
    INSERT INTO dirty_issues VALUES (new.id);
END;
CREATE TRIGGER stale_issue_after_update AFTER UPDATE ON issues
    WHEN (SELECT used FROM policies_over_issues) AND new.id NOT IN (SELECT issue_id FROM dirty_issues) BEGIN
    INSERT INTO dirty_issues VALUES (new.id);
END;
CREATE TRIGGER stale_issue_after_delete AFTER DELETE ON issues
    WHEN (SELECT used FROM policies_over_issues) AND old.id NOT IN (SELECT issue_id FROM dirty_issues) BEGIN
    INSERT INTO dirty_issues VALUES (old.id);
END;
CREATE TRIGGER stale_issue_after_move AFTER UPDATE OF issue_row ON issue_members
    WHEN (SELECT used FROM policies_over_issues) AND old.issue_row IS NOT new.issue_row BEGIN
    INSERT INTO dirty_issues SELECT id FROM issues WHERE row IN (old.issue_row, new.issue_row)
        AND id NOT IN (SELECT issue_id FROM dirty_issues);
END;

-- What policies see besides the finding itself.
CREATE TRIGGER stale_after_groups AFTER UPDATE OF groups ON repositories WHEN old.groups <> new.groups BEGIN
    INSERT OR IGNORE INTO dirty_findings SELECT findings.id FROM projects JOIN findings ON findings.project_id = projects.id
        WHERE projects.repository_id = new.id;
END;
CREATE TRIGGER stale_after_rule_confidence AFTER UPDATE OF document ON rules
    WHEN json_extract(old.document, '$.confidence') IS NOT json_extract(new.document, '$.confidence') BEGIN
    INSERT INTO dirty_rules
        SELECT new.instance_id, new.rule_id, id FROM findings ORDER BY id DESC LIMIT 1
        ON CONFLICT DO UPDATE SET last_finding = excluded.last_finding;
END;
