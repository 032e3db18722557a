-- Version 1 of a tenant's store. One file holds one tenant, so that no query
-- can reach another one's rows.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. JSON columns hold the
-- documents of the model, in its published form.

-- Whose file this is.
CREATE TABLE tenant (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    name        TEXT NOT NULL
) STRICT;

-- Connectors set up for an account.
CREATE TABLE instances (
    id                  INTEGER PRIMARY KEY,
    name                TEXT NOT NULL UNIQUE,
    connector_id        TEXT NOT NULL,
    connector_version   TEXT NOT NULL,
    connector_source    TEXT NOT NULL, -- JSON: bundled, or a file
    settings            TEXT NOT NULL, -- JSON, as the operator gave them
    egress              TEXT NOT NULL, -- JSON: granted origins
    secrets             TEXT NOT NULL, -- JSON: where secrets are read from, never a secret
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
    vendor_id       TEXT NOT NULL,
    name            TEXT NOT NULL,
    primary_branch  TEXT,
    document        TEXT NOT NULL,  -- JSON: the project as the connector listed it
    first_seen_at   INTEGER NOT NULL,
    vanished_at     INTEGER,        -- not in the last complete list
    UNIQUE (instance_id, vendor_id)
) STRICT;

-- Samples that make the compression of small, similar records pay.
CREATE TABLE dictionaries (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    content     BLOB NOT NULL
) STRICT;

-- Records as the vendor sent them.
CREATE TABLE raw_records (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    record_key      TEXT NOT NULL,  -- the vendor's id, or the hash where there is none
    project_id      INTEGER,
    vanished_at     INTEGER,        -- not in the last complete read of its scope
    sha256          BLOB NOT NULL,
    length_bytes    INTEGER NOT NULL,
    dictionary_id   INTEGER,
    body            BLOB NOT NULL,  -- zstd
    UNIQUE (instance_id, kind, record_key)
) STRICT;

CREATE TABLE rules (
    instance_id INTEGER NOT NULL,
    rule_id     TEXT NOT NULL,
    document    TEXT NOT NULL,      -- JSON
    PRIMARY KEY (instance_id, rule_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE packages (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL,
    project_id      INTEGER NOT NULL,
    ecosystem       TEXT NOT NULL,
    name            TEXT NOT NULL,
    version         TEXT NOT NULL,  -- empty where unknown
    purl            TEXT,
    transitivity    TEXT NOT NULL,
    lockfile_url    TEXT,
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
    occurrence_id   INTEGER NOT NULL,
    severity        INTEGER NOT NULL,       -- 5 critical, 4 high, 3 medium, 2 low, 1 info, 0 unknown
    status          TEXT NOT NULL,          -- that of the occurrence, or vanished
    title           TEXT NOT NULL,
    rule_id         TEXT,
    path            TEXT,
    start_line      INTEGER,
    package_id      INTEGER,
    reachability    TEXT,
    first_seen_at   INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL
) STRICT;

-- A finding on one ref, under the vendor's id; its id is that of its raw record.
CREATE TABLE occurrences (
    id              INTEGER PRIMARY KEY,
    finding_id      INTEGER NOT NULL,
    project_id      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    vendor_id       TEXT NOT NULL,
    ref             TEXT,
    on_primary      INTEGER NOT NULL,       -- 1 on the project's primary branch
    status          TEXT NOT NULL,
    relevant_since  INTEGER,
    package_id      INTEGER,
    vanished_at     INTEGER,
    document        TEXT NOT NULL           -- JSON: the finding as normalized
) STRICT;
CREATE INDEX occurrences_by_finding ON occurrences (finding_id);
CREATE INDEX occurrences_in_scope ON occurrences (project_id, kind) WHERE vanished_at IS NULL;

-- One row per sync.
CREATE TABLE runs (
    id              INTEGER PRIMARY KEY,
    instance_id     INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    mode            TEXT NOT NULL,          -- full, incremental
    whole           INTEGER NOT NULL DEFAULT 0, -- 1 if it reads all projects and kinds
    state           TEXT NOT NULL,          -- running, complete, partial, failed
    message         TEXT,
    projects        INTEGER NOT NULL DEFAULT 0,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER,
    resumed         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX runs_by_instance ON runs (instance_id, id);

-- One row per read of a run: a kind in a scope, and how far it got.
CREATE TABLE reads (
    id                  INTEGER PRIMARY KEY,
    run_id              INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind                TEXT NOT NULL,
    scope               TEXT NOT NULL,      -- JSON
    state               TEXT NOT NULL,      -- pending, complete, incomplete, failed
    message             TEXT,
    cursor              TEXT,               -- where to go on; null at the beginning
    pages               INTEGER NOT NULL DEFAULT 0,
    records             INTEGER NOT NULL DEFAULT 0,
    new                 INTEGER NOT NULL DEFAULT 0,
    changed             INTEGER NOT NULL DEFAULT 0,
    unchanged           INTEGER NOT NULL DEFAULT 0,
    repeated            INTEGER NOT NULL DEFAULT 0,
    unmapped            INTEGER NOT NULL DEFAULT 0,
    vanished            INTEGER NOT NULL DEFAULT 0,
    warnings            INTEGER NOT NULL DEFAULT 0,
    unusable            INTEGER NOT NULL DEFAULT 0,
    requests            INTEGER NOT NULL DEFAULT 0,
    received_bytes      INTEGER NOT NULL DEFAULT 0,
    waits               INTEGER NOT NULL DEFAULT 0,
    waited_ms           INTEGER NOT NULL DEFAULT 0,
    peak_memory_bytes   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX reads_by_run ON reads (run_id);

-- Which raw records the pages of an unfinished read held.
CREATE TABLE read_pages (
    read_id     INTEGER NOT NULL REFERENCES reads (id) ON DELETE CASCADE,
    page        INTEGER NOT NULL,
    seen        BLOB NOT NULL,              -- ids, LEB128
    PRIMARY KEY (read_id, page)
) STRICT, WITHOUT ROWID;

-- Remarks on records, and records that could not be used.
CREATE TABLE diagnostics (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL,
    run_id      INTEGER NOT NULL,
    raw_id      INTEGER,
    document    TEXT NOT NULL               -- JSON
) STRICT;
CREATE INDEX diagnostics_by_raw ON diagnostics (raw_id);
CREATE INDEX diagnostics_by_run ON diagnostics (run_id);
