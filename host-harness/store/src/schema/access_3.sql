-- When a browser that was let in last asked for something.
ALTER TABLE sessions ADD COLUMN used_at INTEGER;
