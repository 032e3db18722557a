-- Files are known by another hash; what was imported before has none of it.
ALTER TABLE imports RENAME COLUMN sha256 TO blake3;
UPDATE imports SET blake3 = '';

-- Who uses a package, whatever the project.
CREATE INDEX packages_by_name ON packages (name, ecosystem);
