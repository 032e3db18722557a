-- Of files that say version 1 some have these tables already.

-- Filters of lists under a name, for all who see the tenant.
CREATE TABLE IF NOT EXISTS views (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     TEXT NOT NULL,
    name       TEXT NOT NULL,
    page       TEXT NOT NULL,
    filter     TEXT NOT NULL,
    author     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant, page, name)
) STRICT;

-- What was answered to requests that may be sent again, for a day.
CREATE TABLE IF NOT EXISTS answers (
    hash     BLOB PRIMARY KEY,
    tenant   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    status   INTEGER NOT NULL,
    location TEXT,
    body     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
