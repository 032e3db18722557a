-- Where the server of this data folder answered last.
CREATE TABLE server (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    address TEXT NOT NULL
) STRICT;
