-- Where new violations of policies are reported, by the format of the message.
CREATE TABLE alerts (
    id          INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    format      TEXT NOT NULL,              -- webhook, slack, teams, mail
    policies    TEXT NOT NULL,              -- JSON: ids; none stands for all
    target      TEXT NOT NULL,              -- JSON: where it goes and where the secret is read from, never the secret
    set_at      INTEGER NOT NULL,
    UNIQUE (instance_id, format)
) STRICT;

-- A delivery of an alert. Its events wait in the same outbox as the ends of runs.
ALTER TABLE deliveries ADD COLUMN alert_id INTEGER REFERENCES alerts (id) ON DELETE CASCADE;

-- What was reported: each violation once for each alert.
CREATE TABLE alert_matches (
    alert_id    INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    policy      TEXT NOT NULL,              -- the policy's id, of whatever version
    finding     INTEGER NOT NULL,           -- public_id
    delivery_id INTEGER REFERENCES deliveries (id) ON DELETE SET NULL, -- null where it was there before the alert
    PRIMARY KEY (alert_id, policy, finding)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_matches_by_delivery ON alert_matches (delivery_id) WHERE delivery_id IS NOT NULL;
