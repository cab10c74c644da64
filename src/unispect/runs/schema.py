"""The tables of `run.sqlite`. JSON columns hold ASCII text, so any SQLite tool reads them."""

from typing import Final

APPLICATION: Final = 0x756E6973
"""SQLite's `application_id` of our databases: "unis"."""

FORMAT: Final = 2
"""Format of the whole run folder, kept as `user_version` and in `run.json`; raised when older code could misread it.

1: without digests. 2: every record and every grade has a row in `digests`, which older code would not keep.
"""

SEALED_SINCE: Final = 2
"""The first format whose records have digests."""

ADDED: Final = {
    "batches": """(  -- when records came: to see how fast a run goes, for nothing else
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,                              -- seconds since 1970, by the writer's clock
    records INTEGER NOT NULL,
    seconds REAL NOT NULL,                         -- what these records took, added up
    replica TEXT NOT NULL,                         -- which of several workers made them; empty where there is one
    invocation INTEGER NOT NULL                    -- as in records
)""",
    "plans": """(  -- whole plans of which this run holds a part
    digest TEXT PRIMARY KEY,
    first INTEGER NOT NULL,                        -- place of its first unit
    units INTEGER NOT NULL
) WITHOUT ROWID""",
    "places": """(  -- where units stand in those, or in a merged run
    unit TEXT PRIMARY KEY REFERENCES units (id),
    place INTEGER NOT NULL
) WITHOUT ROWID""",
    "made": """(  -- how records came to be: what may show in them and is in no id
    unit TEXT PRIMARY KEY REFERENCES records (unit) ON DELETE CASCADE,
    batch TEXT NOT NULL,                           -- equal for units that went through the model together
    size INTEGER NOT NULL,                         -- units in that batch
    device TEXT NOT NULL,                          -- kind of device; empty where that is not known
    dtype TEXT NOT NULL
) WITHOUT ROWID""",
    "members": """(  -- every unit of those whole plans, whether it is here or not
    plan TEXT NOT NULL,                            -- as digest in plans
    unit TEXT NOT NULL,
    PRIMARY KEY (plan, unit)
) WITHOUT ROWID""",
    "wholes": """(  -- what those whole plans are of, also where nothing of them is here
    plan TEXT PRIMARY KEY,                         -- as digest in plans
    study TEXT NOT NULL,
    version INTEGER NOT NULL,
    model TEXT NOT NULL
) WITHOUT ROWID""",
    "digests": """(  -- what every record and every grade was, to notice when it is another
    position INTEGER NOT NULL,                     -- of the unit; refers to nothing: what vanished is to be noticed too
    judge TEXT NOT NULL,                           -- of the grade; empty for the record
    digest BLOB,                                   -- as digests.py says; null for what older releases wrote
    PRIMARY KEY (position, judge)
) WITHOUT ROWID""",
    "totals": """(  -- how many rows were put into a table that nothing is taken from
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) WITHOUT ROWID""",
}
"""Tables that older folders lack: their writer adds them, their readers take them to be empty. Name -> columns."""

FOUND: Final = """
INSERT OR IGNORE INTO digests SELECT position, '', NULL FROM records JOIN units ON id = unit;
INSERT OR IGNORE INTO digests SELECT position, judge, NULL FROM grades JOIN units ON id = unit;
"""
"""Notes what an older release wrote, so that it is missed when it vanishes."""

TABLES: Final = """
CREATE TABLE settings (
    id INTEGER PRIMARY KEY,
    json TEXT NOT NULL UNIQUE
);
CREATE TABLE units (
    position INTEGER PRIMARY KEY,                  -- order of planning
    id TEXT NOT NULL UNIQUE,
    study TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,                           -- id@revision
    inputs TEXT NOT NULL,                          -- JSON
    settings INTEGER NOT NULL REFERENCES settings,
    seed INTEGER NOT NULL
);
CREATE INDEX units_by_study ON units (study, model, kind);
CREATE TABLE records (
    unit TEXT PRIMARY KEY REFERENCES units (id),   -- a unit never has two
    status TEXT NOT NULL CHECK (status IN ('done', 'failed', 'skipped')),
    payload TEXT NOT NULL,                         -- JSON
    error TEXT NOT NULL,
    seconds REAL NOT NULL,
    invocation INTEGER NOT NULL                    -- which entry of run.json's invocations, from 1; 0: none was noted
) WITHOUT ROWID;
CREATE TABLE failures (                            -- failed and skipped records that a later try replaced
    id INTEGER PRIMARY KEY,
    unit TEXT NOT NULL REFERENCES units (id),
    status TEXT NOT NULL,
    error TEXT NOT NULL,
    seconds REAL NOT NULL,
    invocation INTEGER NOT NULL
);
CREATE INDEX failures_by_unit ON failures (unit);
CREATE TABLE pictures (
    unit TEXT NOT NULL REFERENCES records (unit) ON DELETE CASCADE,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,                          -- the file is blobs/<sha256>.png
    bytes INTEGER NOT NULL,
    PRIMARY KEY (unit, name)
) WITHOUT ROWID;
CREATE TABLE grades (
    unit TEXT NOT NULL REFERENCES records (unit) ON DELETE CASCADE,
    judge TEXT NOT NULL,
    payload TEXT NOT NULL,                         -- JSON
    PRIMARY KEY (unit, judge)
) WITHOUT ROWID;
"""
