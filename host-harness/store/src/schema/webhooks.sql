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
