-- The schema of version 3 as it was when version 4 came: stores of that form are there, and are brought up to date.
-- The heart of a tenant's store, version 3, the first one that is released. One
-- file holds one tenant, so that no query can reach another one's rows.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. JSON columns hold the
-- documents of the model, in its published form.

-- Whose file this is.
CREATE TABLE tenant (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    name        TEXT NOT NULL
) STRICT;

-- Connectors set up for an account. An id is never given again: other processes
-- may still remember what was deleted.
CREATE TABLE instances (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    name                TEXT NOT NULL UNIQUE,
    connector_id        TEXT NOT NULL,
    connector_version   TEXT NOT NULL,
    connector_source    TEXT NOT NULL, -- JSON: bundled, or a file
    connector_sha256    TEXT,          -- of the file that was accepted; none of one that is bundled
    settings            TEXT NOT NULL, -- JSON, as the operator gave them
    egress              TEXT NOT NULL, -- JSON: granted origins
    secrets             TEXT NOT NULL, -- JSON: where secrets are read from, never a secret
    proxy               TEXT,          -- JSON: its own proxy, or none at all; otherwise that of the environment
    connection          TEXT,          -- JSON: what the last good check learnt
    status              TEXT NOT NULL, -- connected, unauthorized, degraded, never-checked
    status_detail       TEXT,
    created_at          INTEGER NOT NULL,
    checked_at          INTEGER
) STRICT;

-- What connectors remember between calls.
CREATE TABLE bucket (
    instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    value       BLOB NOT NULL,
    PRIMARY KEY (instance_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    vendor_id       TEXT NOT NULL,  -- `name:` and the lower-case name while only files know it
    identity        TEXT NOT NULL,  -- its part in the ids of findings: the first vendor_id, for ever
    name            TEXT NOT NULL,
    primary_branch  TEXT,
    document        TEXT NOT NULL,  -- JSON: the project as the connector listed it
    first_seen_at   INTEGER NOT NULL,
    vanished_at     INTEGER,        -- not in the last complete list
    UNIQUE (instance_id, vendor_id),
    UNIQUE (instance_id, identity)
) STRICT;

-- Samples that make the compression of small, similar records pay. An id is never
-- given again, as with instances.
CREATE TABLE dictionaries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    origin      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    content     BLOB NOT NULL
) STRICT;

-- Records as the vendor sent them and, where a record is a finding on a ref
-- (an occurrence), what it says. One row for both: this is the table that is
-- written most.
CREATE TABLE records (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL,
    origin          TEXT NOT NULL,  -- empty for the vendor's API, else which files it is from
    kind            TEXT NOT NULL,
    record_key      TEXT NOT NULL,  -- the vendor's id, or the hash where there is none
    key_hash        INTEGER NOT NULL UNIQUE, -- 63 bits of a hash over instance, origin, for files the project, kind and record_key
    project_id      INTEGER,
    vanished_at     INTEGER,        -- not in the last complete read of its scope
    hash            BLOB NOT NULL,  -- BLAKE3 of the body; behind it, where several formats tell of the record, what they tell alike
    finding_id      INTEGER,        -- null where it is no finding
    ref             TEXT,
    on_primary      INTEGER NOT NULL, -- 1 on the project's primary branch
    status          TEXT,
    relevant_since  INTEGER,
    created_at      INTEGER,        -- when its source recorded it, where that is told and can be true
    package_id      INTEGER,        -- the package that it is or names
    dictionary_id   INTEGER NOT NULL,
    body_bytes      INTEGER NOT NULL,
    document_bytes  INTEGER NOT NULL, -- 0 where it is no finding
    content         BLOB NOT NULL  -- zstd: the body, then the JSON of the finding as normalized
) STRICT;
-- Finds the occurrences of a finding, what a read has not brought, and the
-- packages in use, all without a look at the rows.
CREATE INDEX records_in_project ON records (project_id, finding_id, kind, vanished_at, package_id);
-- Whether a package is still named, without a look at all records of its project.
CREATE INDEX records_by_package ON records (package_id) WHERE package_id IS NOT NULL AND vanished_at IS NULL;

-- What rules say. The vendor's API knows them better than files do: what it says
-- stands; among files, the last one.
CREATE TABLE rules (
    instance_id INTEGER NOT NULL,
    rule_id     TEXT NOT NULL,
    document    TEXT NOT NULL,      -- JSON
    origin      TEXT NOT NULL,      -- of the record that brought it, as in records
    PRIMARY KEY (instance_id, rule_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE packages (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL,
    project_id      INTEGER NOT NULL,
    ecosystem       TEXT NOT NULL,
    name            TEXT NOT NULL,
    version         TEXT NOT NULL,  -- empty where unknown
    inventory       INTEGER NOT NULL, -- 1 from an inventory, 0 where only findings name it
    purl            TEXT,
    transitivity    TEXT NOT NULL,
    lockfile_url    TEXT,
    lockfile_path   TEXT,
    lockfile_line   INTEGER,
    committed_at    INTEGER,
    licenses        TEXT NOT NULL,  -- JSON
    resolved_url    TEXT,
    introduced_by   TEXT NOT NULL,  -- JSON
    vanished_at     INTEGER,        -- no record names it any more
    UNIQUE (project_id, ecosystem, name, version)
) STRICT;

-- One row per finding: the same problem on whichever refs. The columns beside
-- the keys are those of its leading occurrence.
CREATE TABLE findings (
    id              INTEGER PRIMARY KEY,
    public_id       INTEGER NOT NULL UNIQUE, -- 63 bits of a hash over instance, project, kind and identity
    instance_id     INTEGER NOT NULL,
    project_id      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    occurrence_id   INTEGER NOT NULL,       -- id of the record
    severity        INTEGER NOT NULL,       -- 5 critical, 4 high, 3 medium, 2 low, 1 info, 0 unknown
    status          TEXT NOT NULL,          -- that of the occurrence, or vanished
    security        INTEGER NOT NULL,       -- 0 where the vendor says that it is not about security
    title           TEXT NOT NULL,
    rule_id         TEXT,
    path            TEXT,
    start_line      INTEGER,
    package_id      INTEGER,
    reachability    TEXT,
    advisories      TEXT,                   -- upper-case ids, each between two line ends
    priority        INTEGER NOT NULL,       -- 0 to 100
    cvss            REAL,                   -- score of the newest version
    epss            REAL,                   -- probability, 0 to 1
    first_run_id    INTEGER NOT NULL,
    ingested_at     INTEGER NOT NULL,       -- when a run first brought it
    first_seen_at   INTEGER NOT NULL,       -- the earliest date of its occurrences, else ingested_at
    closed_at       INTEGER,                -- null while it is open, and where nobody knows
    changed_at      INTEGER NOT NULL
) STRICT;

-- What changed on a finding after the run that first brought it.
CREATE TABLE changes (
    id          INTEGER PRIMARY KEY,
    finding_id  INTEGER NOT NULL,
    run_id      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    ref         TEXT,
    field       TEXT NOT NULL,
    before      TEXT,
    after       TEXT
) STRICT;
CREATE INDEX changes_by_finding ON changes (finding_id);

-- Scans that saw findings first.
CREATE TABLE scans (
    instance_id     INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    scan_id         TEXT NOT NULL,
    document        TEXT,                   -- JSON; null where the vendor has it no more
    fetched_at      INTEGER,                -- null where nobody asked yet
    newest          INTEGER NOT NULL,       -- of its findings, when the newest became relevant
    PRIMARY KEY (instance_id, scan_id)
) STRICT, WITHOUT ROWID;

-- One row per sync.
CREATE TABLE runs (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    mode            TEXT NOT NULL,          -- full, incremental, import, renormalize
    whole           INTEGER NOT NULL DEFAULT 0, -- 1 if it fetches all projects and kinds
    state           TEXT NOT NULL,          -- running, complete, partial, failed
    code            TEXT,                   -- why it is not complete: a stable word …
    message         TEXT,                   -- … and a sentence
    projects        INTEGER NOT NULL DEFAULT 0,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER,
    resumed         INTEGER NOT NULL DEFAULT 0,
    connector_sha256 TEXT                   -- of the connector's file; none of one that is bundled
) STRICT;
CREATE INDEX runs_by_instance ON runs (instance_id, id);

-- What a run of the mode import fetches.
CREATE TABLE imports (
    run_id      INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    file        TEXT NOT NULL,              -- its name
    sha256      TEXT NOT NULL,              -- of its content, unpacked
    options     TEXT NOT NULL
) STRICT;

-- Ratings of advisories, as the operator gave them.
CREATE TABLE advisories (
    advisory_id TEXT PRIMARY KEY,           -- upper case
    document    TEXT NOT NULL               -- JSON
) STRICT, WITHOUT ROWID;

-- One row per read of a run: a kind in a scope, and how far it got.
CREATE TABLE fetches (
    id                  INTEGER PRIMARY KEY,
    run_id              INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind                TEXT NOT NULL,
    scope               TEXT NOT NULL,      -- JSON
    state               TEXT NOT NULL,      -- pending, complete, incomplete, failed
    code                TEXT,               -- why it is not complete: a stable word …
    message             TEXT,               -- … and a sentence
    cursor              TEXT,               -- where to go on; null at the beginning
    again               TEXT,               -- JSON: the projects that are read once more, for what was missing
    pages               INTEGER NOT NULL DEFAULT 0,
    records             INTEGER NOT NULL DEFAULT 0,
    new                 INTEGER NOT NULL DEFAULT 0,
    changed             INTEGER NOT NULL DEFAULT 0,
    unchanged           INTEGER NOT NULL DEFAULT 0,
    duplicate            INTEGER NOT NULL DEFAULT 0,
    unmapped            INTEGER NOT NULL DEFAULT 0,
    vanished            INTEGER NOT NULL DEFAULT 0,
    warnings            INTEGER NOT NULL DEFAULT 0,
    rejected            INTEGER NOT NULL DEFAULT 0,
    skipped             INTEGER NOT NULL DEFAULT 0,
    findings            INTEGER NOT NULL DEFAULT 0,
    packages            INTEGER NOT NULL DEFAULT 0,
    requests            INTEGER NOT NULL DEFAULT 0,
    received_bytes      INTEGER NOT NULL DEFAULT 0,
    waits               INTEGER NOT NULL DEFAULT 0,
    waited_ms           INTEGER NOT NULL DEFAULT 0,
    peak_memory_bytes   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX fetches_by_run ON fetches (run_id);

-- Which records the pages of a run held that is not at its end.
CREATE TABLE fetch_pages (
    fetch_id    INTEGER NOT NULL REFERENCES fetches (id) ON DELETE CASCADE,
    page        INTEGER NOT NULL,
    seen        BLOB NOT NULL,              -- ids, LEB128
    PRIMARY KEY (fetch_id, page)
) STRICT, WITHOUT ROWID;

-- What complete fetches did not bring, until the end of their run decides on it.
CREATE TABLE absences (
    fetch_id    INTEGER PRIMARY KEY REFERENCES fetches (id) ON DELETE CASCADE,
    scope       BLOB NOT NULL,              -- ids of the projects that were looked at, LEB128
    refs        TEXT,                       -- JSON: the refs that were looked at; null for all
    records     BLOB NOT NULL               -- ids, LEB128
) STRICT;

-- Remarks on records, and records that could not be used.
CREATE TABLE diagnostics (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL,
    run_id      INTEGER NOT NULL,           -- the run that told it first …
    last_run_id INTEGER,                    -- … and the last one that met the record again, unchanged and not usable
    record_id   INTEGER,
    document    TEXT NOT NULL               -- JSON
) STRICT;
CREATE INDEX diagnostics_by_record ON diagnostics (record_id);
CREATE INDEX diagnostics_by_run ON diagnostics (run_id);
CREATE INDEX diagnostics_by_last_run ON diagnostics (last_run_id) WHERE last_run_id IS NOT NULL;
-- Which records could not be used: few, if any.
CREATE INDEX diagnostics_of_unusable ON diagnostics (record_id) WHERE document ->> '$.level' = 'error';
-- The tenant's code repositories.
CREATE TABLE repositories (
    id              INTEGER PRIMARY KEY,
    provider        TEXT NOT NULL,          -- github, gitlab, …, or the operator's word; empty where nobody says
    full_name       TEXT NOT NULL,          -- such as org/repo
    url             TEXT,
    address         TEXT UNIQUE,            -- the URL, normalized: one repository, one address
    default_branch  TEXT,
    groups          TEXT NOT NULL DEFAULT '[]', -- JSON: the operator's groups
    archived        INTEGER,                -- null where nobody says
    listed          INTEGER NOT NULL,       -- 0 where it was made of a project that nothing matched, or left the list
    added_at        INTEGER NOT NULL
) STRICT;

-- Which repository a project is about, and what the operator says of its scans.
-- Only projects that are mapped or drifted are read; one that is ignored
-- keeps its repository.
ALTER TABLE projects ADD COLUMN repository_id INTEGER REFERENCES repositories (id);
ALTER TABLE projects ADD COLUMN mapping TEXT NOT NULL DEFAULT 'unmapped'; -- mapped, unmapped, drifted, ignored
ALTER TABLE projects ADD COLUMN mapping_document TEXT; -- JSON: by whom, when, reason, confidence, the URL at that time
ALTER TABLE projects ADD COLUMN mapped_at INTEGER; -- since when it is read without a break; null where it is not
ALTER TABLE projects ADD COLUMN environment TEXT;
ALTER TABLE projects ADD COLUMN branch TEXT;
ALTER TABLE projects ADD COLUMN tag TEXT;
ALTER TABLE projects ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}'; -- JSON: key to value
CREATE INDEX projects_by_repository ON projects (repository_id);

-- What becomes of new projects: create (match, else make a repository of the
-- project), match, or manual.
ALTER TABLE instances ADD COLUMN auto_map TEXT NOT NULL DEFAULT 'create';
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
-- Events that come in and go out.

-- Where the end of a run is told.
CREATE TABLE webhooks (
    instance_id INTEGER PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
    url         TEXT NOT NULL,
    egress      TEXT NOT NULL,              -- JSON: the origin that it may reach
    secret      TEXT NOT NULL,              -- JSON: where the secret that signs is read from, never the secret
    set_at      INTEGER NOT NULL
) STRICT;

-- What is told, and how that goes.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    event_id    TEXT NOT NULL UNIQUE,       -- the same in every try
    run_id      INTEGER REFERENCES runs (id) ON DELETE CASCADE, -- null for a test
    state       TEXT NOT NULL,              -- pending, delivered, failed
    tries       INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    next_at     INTEGER,                    -- when to try; null where it is at its end
    expires_at  INTEGER NOT NULL,           -- from when on it is no news any more
    tried_at    INTEGER,
    status      INTEGER,                    -- of the last answer
    answer      TEXT,                       -- the beginning of it
    problem     TEXT                        -- why the last try was none
) STRICT;
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_by_instance ON deliveries (instance_id, id);

-- In the transaction that ends a run, whoever ends it: a crash loses no event.
-- It is news for three days.
CREATE TRIGGER tell_after_update AFTER UPDATE OF state ON runs
    WHEN old.state = 'running' AND new.state <> 'running' BEGIN
    INSERT INTO deliveries (instance_id, event_id, run_id, state, created_at, next_at, expires_at)
    SELECT instance_id, 'evt_' || lower(hex(randomblob(16))), new.id, 'pending', at, at, at + 259200000000
    FROM webhooks, (SELECT coalesce(new.finished_at, new.started_at) AS at) WHERE instance_id = new.instance_id;
END;
CREATE TRIGGER tell_after_insert AFTER INSERT ON runs WHEN new.state <> 'running' BEGIN
    INSERT INTO deliveries (instance_id, event_id, run_id, state, created_at, next_at, expires_at)
    SELECT instance_id, 'evt_' || lower(hex(randomblob(16))), new.id, 'pending', at, at, at + 259200000000
    FROM webhooks, (SELECT coalesce(new.finished_at, new.started_at) AS at) WHERE instance_id = new.instance_id;
END;

-- Instances that take events of their vendor.
CREATE TABLE inboxes (
    instance_id INTEGER PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
    secret      TEXT NOT NULL,              -- JSON: where the secret that the vendor signs with is read from
    set_at      INTEGER NOT NULL
) STRICT;

-- Events of vendors: what they ask for, never what they said.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    sha256      BLOB NOT NULL,              -- of what was signed: the same event again is known by it
    vendor_id   TEXT,
    event       TEXT NOT NULL,              -- JSON: projects and kinds that it names
    state       TEXT NOT NULL,              -- pending, done, ignored, failed
    problem     TEXT,                       -- why it is ignored or failed
    received_at INTEGER NOT NULL,
    ended_at    INTEGER,
    run_id      INTEGER,                    -- the sync that it led to
    UNIQUE (instance_id, sha256)
) STRICT;
CREATE INDEX events_pending ON events (instance_id, received_at) WHERE state = 'pending';
-- Old ones are forgotten without a look at the others.
CREATE INDEX events_ended ON events (received_at) WHERE state <> 'pending';
-- Instances whose deletion has begun: whatever opens the store finishes it.
-- The row goes last, when the proof is made.
CREATE TABLE deletions (
    instance_id INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    plan        TEXT NOT NULL,              -- JSON: what was there
    started_at  INTEGER NOT NULL
) STRICT;
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
