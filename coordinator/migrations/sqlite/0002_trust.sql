-- What a coordinator must remember to be trusted on a cluster: which sweep comes first, what units cost, and how and where
-- they failed.

-- Sweeps of a higher priority are leased first.
ALTER TABLE sweeps ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;

-- The kind of the last failure, the last lines of its worker's log, and every host where an attempt failed: a JSON array of
-- strings in ascending order.
ALTER TABLE failures ADD COLUMN kind TEXT NOT NULL DEFAULT 'other';
ALTER TABLE failures ADD COLUMN log TEXT NOT NULL DEFAULT '';
ALTER TABLE failures ADD COLUMN hosts TEXT NOT NULL DEFAULT '[]';
UPDATE failures SET hosts = json_array(host);

-- Learned microseconds a unit of a cell.
CREATE TABLE costs (
    sweep   BLOB    NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
    cell    INTEGER NOT NULL,
    unit_us INTEGER NOT NULL,
    PRIMARY KEY (sweep, cell)
) STRICT;
