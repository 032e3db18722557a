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
