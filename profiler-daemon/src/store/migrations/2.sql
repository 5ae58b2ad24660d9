-- Versions. Equal profiles are stored once, by their digest.

CREATE TABLE profile (
    -- SHA-256 of the basis.
    digest BLOB PRIMARY KEY,
    -- JSON: what the profile rests on.
    basis TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE version (
    -- 'container:' and its id, or 'image:' and the workload's key.
    subject TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    parent INTEGER,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    digest BLOB NOT NULL REFERENCES profile (digest),
    created_ms INTEGER NOT NULL,
    promoted_ms INTEGER,
    calls INTEGER NOT NULL,
    -- JSON: what changed, with evidence; see store/versions.rs.
    changes TEXT NOT NULL,
    -- JSON: the verdict when it was made.
    completeness TEXT NOT NULL,
    PRIMARY KEY (subject, number)
) WITHOUT ROWID;
CREATE INDEX version_digest ON version (digest);
-- Holds all that is asked of many versions at once, so that their texts need not be read.
CREATE INDEX version_newest ON version (subject, number, created_ms, promoted_ms);
