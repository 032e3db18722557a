-- Since when scheduled syncs read a project: null where they leave it out.
ALTER TABLE projects ADD COLUMN scheduled_at INTEGER DEFAULT 0;
-- Whether the webhook of its instance tells of runs that read it.
ALTER TABLE projects ADD COLUMN notify INTEGER NOT NULL DEFAULT 1;
-- Whether a run reads all but the projects that scheduled syncs leave out.
ALTER TABLE runs ADD COLUMN scheduled INTEGER NOT NULL DEFAULT 0;

-- As before, but for a run that read nothing else than projects of which nobody is told.
DROP TRIGGER tell_after_update;
CREATE TRIGGER tell_after_update AFTER UPDATE OF state ON runs
    WHEN old.state = 'running' AND new.state <> 'running' BEGIN
    INSERT INTO deliveries (instance_id, event_id, run_id, state, created_at, next_at, expires_at)
    SELECT instance_id, 'evt_' || lower(hex(randomblob(16))), new.id, 'pending', at, at, at + 259200000000
    FROM webhooks, (SELECT coalesce(new.finished_at, new.started_at) AS at) WHERE instance_id = new.instance_id
    AND (NOT EXISTS (SELECT 1 FROM projects WHERE instance_id = new.instance_id AND NOT notify)
        OR NOT EXISTS (SELECT 1 FROM fetches WHERE run_id = new.id)
        OR EXISTS (SELECT 1 FROM fetches WHERE run_id = new.id AND scope -> '$.projects' IS NULL)
        OR EXISTS (SELECT 1 FROM fetches, json_each(scope, '$.projects') AS named
            WHERE run_id = new.id AND coalesce((SELECT notify FROM projects
                WHERE instance_id = new.instance_id AND vendor_id = named.value ->> '$.id'), 1)));
END;
