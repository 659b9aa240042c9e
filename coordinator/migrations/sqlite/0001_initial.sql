-- The first schema. Identifiers and hashes are blobs, times are milliseconds since the Unix epoch.

-- What was submitted. `numerics` is the fingerprint that every result of the sweep must carry.
CREATE TABLE sweeps (
    id              BLOB    PRIMARY KEY NOT NULL,
    name            TEXT    NOT NULL,
    canonical_json  TEXT    NOT NULL,
    lifecycle       TEXT    NOT NULL CHECK (lifecycle IN ('running', 'paused', 'cancelled')),
    numerics        BLOB    NOT NULL,
    submitted_at_ms INTEGER NOT NULL
) STRICT;

-- The first result of each unit. The primary key's index alone answers which units are done.
CREATE TABLE results (
    sweep          BLOB    NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    cell           INTEGER NOT NULL,
    replicate      INTEGER NOT NULL,
    block          INTEGER NOT NULL,
    trajectory     BLOB    NOT NULL,
    numerics       BLOB    NOT NULL,
    build          TEXT    NOT NULL,
    worker         TEXT    NOT NULL,
    compute_us     INTEGER NOT NULL,
    reported_at_ms INTEGER NOT NULL,
    PRIMARY KEY (sweep, cell, replicate, block)
) STRICT;

-- Results that differ from the first one.
CREATE TABLE conflicts (
    sweep           BLOB    NOT NULL,
    cell            INTEGER NOT NULL,
    replicate       INTEGER NOT NULL,
    block           INTEGER NOT NULL,
    trajectory_hash BLOB    NOT NULL,
    trajectory      BLOB    NOT NULL,
    build           TEXT    NOT NULL,
    worker          TEXT    NOT NULL,
    reported_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (sweep, cell, replicate, block, trajectory_hash),
    FOREIGN KEY (sweep, cell, replicate, block) REFERENCES results ON DELETE CASCADE
) STRICT;

-- Failed attempts of units that have no result.
CREATE TABLE failures (
    sweep       BLOB    NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    cell        INTEGER NOT NULL,
    replicate   INTEGER NOT NULL,
    block       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    error       TEXT    NOT NULL,
    worker      TEXT    NOT NULL,
    host        TEXT    NOT NULL,
    quarantined INTEGER NOT NULL CHECK (quarantined IN (0, 1)),
    PRIMARY KEY (sweep, cell, replicate, block)
) STRICT;

-- What is leased out. Written before the lease is sent.
CREATE TABLE leases (
    token       BLOB    PRIMARY KEY NOT NULL,
    sweep       BLOB    NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    cell        INTEGER NOT NULL,
    replicate   INTEGER NOT NULL,
    first_block INTEGER NOT NULL,
    end_block   INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    worker      TEXT    NOT NULL,
    host        TEXT    NOT NULL,
    deadline_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX leases_by_sweep ON leases (sweep);

-- Data sets by the hash of their content.
CREATE TABLE data_sets (
    hash     BLOB    PRIMARY KEY NOT NULL,
    bytes    INTEGER NOT NULL,
    samples  INTEGER NOT NULL,
    features INTEGER NOT NULL,
    classes  INTEGER NOT NULL
) STRICT;

-- Their content, in pieces of 1 MiB.
CREATE TABLE data_chunks (
    hash  BLOB    NOT NULL REFERENCES data_sets (hash) ON DELETE CASCADE,
    chunk INTEGER NOT NULL,
    bytes BLOB    NOT NULL,
    PRIMARY KEY (hash, chunk)
) STRICT;
