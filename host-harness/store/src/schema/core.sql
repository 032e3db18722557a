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
