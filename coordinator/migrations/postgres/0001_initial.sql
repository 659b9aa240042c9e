-- The first schema. Identifiers and hashes are bytea, times of the coordinators are milliseconds since the Unix epoch.

-- Who may write: one row. A term is an epoch; the unique index on it makes the database lock the row more strongly when a
-- term begins than when one is renewed, so that a leader's writes wait for neither its own renewals nor each other, and a
-- new term waits for all of them.
CREATE TABLE leader (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch      bigint      NOT NULL UNIQUE,
    candidate  bytea       NOT NULL,
    url        text        NOT NULL,
    expires_at timestamptz NOT NULL
);
INSERT INTO leader (epoch, candidate, url, expires_at) VALUES (0, '', '', '-infinity');

-- What was submitted. `numerics` is the fingerprint that every result of the sweep must carry. `number` tells which came
-- first among those of one millisecond.
CREATE TABLE sweeps (
    id              bytea   PRIMARY KEY,
    number          bigint  GENERATED ALWAYS AS IDENTITY,
    name            text    NOT NULL,
    canonical_json  text    NOT NULL,
    lifecycle       text    NOT NULL CHECK (lifecycle IN ('running', 'paused', 'cancelled')),
    numerics        bytea   NOT NULL,
    priority        integer NOT NULL,
    submitted_at_ms bigint  NOT NULL
);

-- The first result of each unit. The primary key's index alone answers which units are done.
CREATE TABLE results (
    sweep          bytea  NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    cell           bigint NOT NULL,
    replicate      bigint NOT NULL,
    block          bigint NOT NULL,
    trajectory     bytea  NOT NULL,
    numerics       bytea  NOT NULL,
    build          text   NOT NULL,
    worker         text   NOT NULL,
    compute_us     bigint NOT NULL,
    reported_at_ms bigint NOT NULL,
    PRIMARY KEY (sweep, cell, replicate, block)
);

-- Results that differ from the first one.
CREATE TABLE conflicts (
    sweep           bytea  NOT NULL,
    cell            bigint NOT NULL,
    replicate       bigint NOT NULL,
    block           bigint NOT NULL,
    trajectory_hash bytea  NOT NULL,
    trajectory      bytea  NOT NULL,
    build           text   NOT NULL,
    worker          text   NOT NULL,
    reported_at_ms  bigint NOT NULL,
    PRIMARY KEY (sweep, cell, replicate, block, trajectory_hash),
    FOREIGN KEY (sweep, cell, replicate, block) REFERENCES results ON DELETE CASCADE
);

-- Failed attempts of units that have no result. `hosts` is a JSON array of strings in ascending order, as text: JSON may
-- hold characters that the server's own type refuses.
CREATE TABLE failures (
    sweep       bytea   NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    cell        bigint  NOT NULL,
    replicate   bigint  NOT NULL,
    block       bigint  NOT NULL,
    attempts    bigint  NOT NULL,
    kind        text    NOT NULL,
    error       text    NOT NULL,
    log         text    NOT NULL,
    worker      text    NOT NULL,
    host        text    NOT NULL,
    hosts       text    NOT NULL,
    quarantined boolean NOT NULL,
    PRIMARY KEY (sweep, cell, replicate, block)
);

-- What is leased out. Written before the lease is sent.
CREATE TABLE leases (
    token       bytea  PRIMARY KEY,
    sweep       bytea  NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    cell        bigint NOT NULL,
    replicate   bigint NOT NULL,
    first_block bigint NOT NULL,
    end_block   bigint NOT NULL,
    attempt     bigint NOT NULL,
    worker      text   NOT NULL,
    host        text   NOT NULL,
    deadline_ms bigint NOT NULL
);
CREATE INDEX leases_by_sweep ON leases (sweep);

-- Learned microseconds a unit of a cell.
CREATE TABLE costs (
    sweep   bytea  NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    cell    bigint NOT NULL,
    unit_us bigint NOT NULL,
    PRIMARY KEY (sweep, cell)
);

-- Data sets by the hash of their content.
CREATE TABLE data_sets (
    hash     bytea  PRIMARY KEY,
    bytes    bigint NOT NULL,
    samples  bigint NOT NULL,
    features bigint NOT NULL,
    classes  bigint NOT NULL
);

-- Their content, in pieces of 1 MiB.
CREATE TABLE data_chunks (
    hash  bytea  NOT NULL REFERENCES data_sets (hash) ON DELETE CASCADE,
    chunk bigint NOT NULL,
    bytes bytea  NOT NULL,
    PRIMARY KEY (hash, chunk)
);
ALTER TABLE data_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;
