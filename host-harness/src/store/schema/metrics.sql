-- Counts and trends for dashboards.

CREATE TABLE metric_findings (
    finding_id      INTEGER PRIMARY KEY,
    fix_available   INTEGER NOT NULL
) STRICT;
