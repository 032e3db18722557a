-- What findings of several sources say about the same thing. All of this is
-- made of findings and can be made again: `analysis/src/correlation/rules.md` says how.

-- One row per issue. The columns beside the keys sum up its findings.
CREATE TABLE issues (
    row             INTEGER PRIMARY KEY,    -- new ones come to the end of the table, wherever their ids sort
    id              INTEGER NOT NULL UNIQUE, -- 63 bits of a hash over repository and what it is about
    block           INTEGER NOT NULL,       -- of its findings
    kind            TEXT NOT NULL,          -- sast, sca, secrets, or another kind of findings
    repository_id   INTEGER,                -- null where the project has none
    project_id      INTEGER,                -- its name stands in for the repository
    severity        INTEGER NOT NULL,       -- as in findings
    status          TEXT NOT NULL,
    open            INTEGER NOT NULL,       -- 1 where the status asks for work
    security        INTEGER NOT NULL,
    priority        INTEGER NOT NULL,
    title           TEXT NOT NULL,
    ecosystem       TEXT,                   -- null where it is about no package
    place           TEXT NOT NULL,          -- the package or the path, empty where there is none
    rule_id         TEXT,
    advisories      TEXT,                   -- upper-case ids, each between two line ends
    cvss            REAL,
    epss            REAL,
    sources         INTEGER NOT NULL,       -- instances that still see it
    findings        INTEGER NOT NULL,
    first_seen_at   INTEGER NOT NULL
) STRICT;
-- The first page: what asks for work, and everything. Those that are equally
-- urgent are in the order of their ids, whichever sync came first.
CREATE INDEX issues_open ON issues (open, security, priority DESC, severity DESC, id);
CREATE INDEX issues_by_priority ON issues (priority DESC, severity DESC, id);
CREATE INDEX issues_by_block ON issues (block);

-- Ids under which an issue was or would be known without some of its findings.
CREATE TABLE issue_aliases (
    alias       INTEGER PRIMARY KEY,
    issue_id    INTEGER NOT NULL
) STRICT;
CREATE INDEX issue_aliases_by_issue ON issue_aliases (issue_id);

-- What decides to which issue a finding belongs. Findings can only be of one
-- issue if they are of one block.
CREATE TABLE issue_members (
    finding_id  INTEGER PRIMARY KEY,
    issue_row   INTEGER,                    -- null between two steps of a refresh
    block       INTEGER NOT NULL,           -- 63 bits of a hash over scope, kind, and package or path
    scope       INTEGER NOT NULL,           -- the repository, or minus the project
    kind        TEXT NOT NULL,
    ecosystem   TEXT,
    place       TEXT NOT NULL,
    identity    INTEGER NOT NULL,           -- hash of the finding's identity
    prints      TEXT NOT NULL,              -- hashes of identities that other sources may know too
    marks       TEXT NOT NULL,              -- advisories, weaknesses and rules, or words for secrets, by lines
    first_line  INTEGER,
    last_line   INTEGER
) STRICT;
CREATE INDEX issue_members_by_issue ON issue_members (issue_row) WHERE issue_row IS NOT NULL;
-- The others of a block are found by its issues.
CREATE INDEX issue_members_pending ON issue_members (block) WHERE issue_row IS NULL;

-- Blocks whose issues have to be looked at: `refresh` marks them with the
-- findings that changed, and then settles each once.
CREATE TABLE dirty_blocks (
    block           INTEGER PRIMARY KEY
) STRICT;

-- Rules that changed in what sorts findings. Their findings are looked up once
-- per refresh: a sync may touch a rule with each of its pages. The last finding
-- is read from the end of the table: `max(id)` beside other columns would look
-- at every finding for every rule.
CREATE TABLE dirty_rules (
    instance_id     INTEGER NOT NULL,
    rule_id         TEXT NOT NULL,
    last_finding    INTEGER NOT NULL,   -- row id; later ones know the rule as it is
    PRIMARY KEY (instance_id, rule_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER stale_after_rule_insert AFTER INSERT ON rules BEGIN
    INSERT INTO dirty_rules
        SELECT new.instance_id, new.rule_id, id FROM findings ORDER BY id DESC LIMIT 1
        ON CONFLICT DO UPDATE SET last_finding = excluded.last_finding;
END;
CREATE TRIGGER stale_after_rule_update AFTER UPDATE OF document ON rules
    WHEN json_extract(old.document, '$.cwes', '$.owasp', '$.category')
        IS NOT json_extract(new.document, '$.cwes', '$.owasp', '$.category') BEGIN
    INSERT INTO dirty_rules
        SELECT new.instance_id, new.rule_id, id FROM findings ORDER BY id DESC LIMIT 1
        ON CONFLICT DO UPDATE SET last_finding = excluded.last_finding;
END;

-- The name of the repository, or of the project that stands in for it, is a part of the ids of its issues.
CREATE TRIGGER stale_after_project AFTER UPDATE OF name ON projects WHEN old.name <> new.name BEGIN
    INSERT OR IGNORE INTO dirty_findings SELECT id FROM findings WHERE project_id = new.id;
END;
CREATE TRIGGER stale_after_repository AFTER UPDATE OF provider, full_name, address ON repositories BEGIN
    INSERT OR IGNORE INTO dirty_findings SELECT findings.id FROM projects JOIN findings ON findings.project_id = projects.id
        WHERE projects.repository_id = new.id;
END;
