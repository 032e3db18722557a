-- Decisions that went back to the vendor, or did not, and why: the log, and what
-- says which are still to be handed on. A decision is handed on once; that it
-- ended is handed on as `reopened`.
ALTER TABLE instances ADD COLUMN write_back TEXT NOT NULL DEFAULT 'off'; -- off, on, hold
CREATE TABLE write_backs (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL,
    finding     INTEGER NOT NULL,           -- public_id of the finding
    decision_id INTEGER NOT NULL,           -- the decision that it is about
    decision    TEXT NOT NULL,              -- what was handed on: the decision's word, or reopened
    state       TEXT NOT NULL,              -- written, refused, overruled, held
    detail      TEXT,
    at          INTEGER NOT NULL,
    UNIQUE (decision_id, decision)
) STRICT;
CREATE INDEX write_backs_by_finding ON write_backs (finding);
