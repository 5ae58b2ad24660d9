-- What was kept as files before: containers, nameless records, filters, what was learned.

CREATE TABLE workload (
    -- The image's id, or its reference where no id is known.
    key TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    -- As far as the engine tells; empty where it does not.
    entrypoint TEXT NOT NULL DEFAULT '',
    changed_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE container (
    id TEXT PRIMARY KEY,
    workload TEXT REFERENCES workload (key),
    changed_ms INTEGER NOT NULL,
    -- JSON: identity, and what the kernel's maps do not hold, with evidence.
    record TEXT NOT NULL
);
CREATE INDEX container_workload ON container (workload);

CREATE TABLE nameless (
    cgroup INTEGER PRIMARY KEY,
    kept_ms INTEGER NOT NULL,
    -- JSON: the observation.
    record TEXT NOT NULL
);

CREATE TABLE filter (
    -- 16 hex digits.
    hash TEXT PRIMARY KEY,
    kept_ms INTEGER NOT NULL,
    -- 8 bytes an instruction, the host's byte order.
    instructions BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE learned (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- JSON: the runtimes' baselines.
    record TEXT NOT NULL
);
