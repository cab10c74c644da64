"""What several run folders hold, side by side in temporary tables, and what they hold together. SQL only.

Every rule here looks at the whole set of folders and never at their order, so merging is the same in any order, and
merging what was merged changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from unispect.core.units import Made
from unispect.runs import rows
from unispect.runs.database import counted

TABLES: Final = """
CREATE TEMP TABLE commands (source INTEGER, old INTEGER, new INTEGER, started TEXT, PRIMARY KEY (source, old));
CREATE TEMP TABLE held_units (source, id, study, version, kind, model, inputs, settings, seed, place);
CREATE TEMP TABLE held_records (source, unit, status, payload, error, seconds, invocation, started, sealed, pictures);
CREATE TEMP TABLE held_failures (unit, status, error, seconds, invocation, started);
CREATE TEMP TABLE held_pictures (source, unit, name, sha256, bytes);
CREATE TEMP TABLE held_grades (source, unit, judge, payload);
CREATE TEMP TABLE held_made (source, unit, batch, size, device, dtype);
CREATE TEMP TABLE held_members (source, plan, unit);
CREATE TEMP TABLE held_plans (plan, first, units);
CREATE TEMP TABLE held_wholes (plan, study, version, model);
CREATE TEMP TABLE held_digests (source, unit, judge, digest);
"""

_COPY: Final = """
INSERT INTO held_units
    SELECT :source, u.id, study, version, kind, model, inputs, s.json, seed, {place}
    FROM {schema}.units u JOIN {schema}.settings s ON s.id = u.settings {places};
INSERT INTO held_records
    SELECT :source, r.unit, status, payload, error, seconds, coalesce(new, 0), coalesce(started, ''), {sealed},
        (SELECT json_group_object(name, sha256)
         FROM (SELECT name, sha256 FROM {schema}.pictures p WHERE p.unit = r.unit ORDER BY name))
    FROM {schema}.records r LEFT JOIN commands c ON c.source = :source AND old = invocation;
INSERT INTO held_failures
    SELECT unit, status, error, seconds, coalesce(new, 0), coalesce(started, '')
    FROM {schema}.failures LEFT JOIN commands c ON c.source = :source AND old = invocation;
INSERT INTO held_pictures SELECT :source, unit, name, sha256, bytes FROM {schema}.pictures;
INSERT INTO held_grades SELECT :source, unit, judge, payload FROM {schema}.grades;
"""

_COPY_ADDED: Final = {
    "made": "INSERT INTO held_made SELECT :source, unit, batch, size, device, dtype FROM {schema}.made",
    "members": "INSERT INTO held_members SELECT :source, plan, unit FROM {schema}.members",
    "plans": "INSERT INTO held_plans SELECT digest, first, units FROM {schema}.plans",
    "wholes": "INSERT INTO held_wholes SELECT plan, study, version, model FROM {schema}.wholes",
    "digests": """INSERT INTO held_digests SELECT :source, id, judge, digest
                  FROM {schema}.digests JOIN {schema}.units USING (position)""",
}
"""What is copied of tables that an older folder lacks."""

_NO_DIGESTS: Final = """
INSERT INTO held_digests SELECT :source, unit, '', NULL FROM {schema}.records;
INSERT INTO held_digests SELECT :source, unit, judge, NULL FROM {schema}.grades;
"""

_UNITE: Final = """
CREATE INDEX temp.held_records_by_unit ON held_records (unit);
CREATE INDEX temp.held_pictures_by_unit ON held_pictures (unit, source);
CREATE TEMP TABLE united_units AS
    SELECT row_number() OVER (ORDER BY first, study, version, model, place, id) AS position,
           id, study, version, kind, model, inputs, settings, seed, place
    FROM (SELECT *, min(place) OVER (PARTITION BY study, version, model) AS first
          FROM (SELECT id, study, version, kind, model, inputs, settings, seed, min(place) AS place
                FROM held_units GROUP BY id));
CREATE TEMP TABLE ranked AS
    SELECT *, row_number() OVER (
        PARTITION BY unit
        ORDER BY status = 'done' DESC, CASE status WHEN 'done' THEN '' ELSE started END DESC,
                 sealed DESC, seconds, status, error, invocation, source) AS rank
    FROM held_records;
CREATE TEMP TABLE united_records AS
    SELECT unit, status, payload, error, seconds, invocation FROM ranked WHERE rank = 1;
CREATE TEMP TABLE united_failures AS
    SELECT unit, status, error, seconds, invocation, started FROM held_failures
    UNION
    SELECT unit, status, error, seconds, invocation, started FROM ranked r
    WHERE status != 'done' AND NOT EXISTS (
        SELECT 1 FROM united_records w WHERE w.unit = r.unit AND w.status = r.status AND w.error = r.error
            AND w.seconds = r.seconds AND w.invocation = r.invocation);
CREATE TEMP TABLE united_pictures AS
    SELECT p.unit, name, sha256, bytes FROM held_pictures p JOIN ranked r USING (unit, source) WHERE rank = 1;
CREATE TEMP TABLE united_grades AS SELECT DISTINCT unit, judge, payload FROM held_grades;
CREATE TEMP TABLE united_made AS
    SELECT m.unit, batch, size, device, dtype FROM held_made m JOIN ranked r USING (unit, source) WHERE rank = 1;
CREATE TEMP TABLE united_members AS SELECT DISTINCT plan, unit FROM held_members;
CREATE TEMP TABLE united_firsts AS
    SELECT plan, coalesce(min(first), 0) AS first, max(units) AS units
    FROM (SELECT plan, first, units FROM held_plans
          UNION ALL SELECT plan, NULL, count(*) FROM united_members GROUP BY plan) GROUP BY plan;
CREATE TEMP TABLE united_wholes AS SELECT DISTINCT plan, study, version, model FROM held_wholes;
CREATE TEMP TABLE united_digests AS
    SELECT h.unit, judge, digest FROM held_digests h JOIN ranked r USING (unit, source) WHERE rank = 1 AND judge = ''
    UNION ALL
    SELECT unit, judge, max(digest) FROM held_digests WHERE judge != '' GROUP BY unit, judge;
CREATE INDEX temp.united_units_by_id ON united_units (id);
CREATE INDEX temp.united_members_by_plan ON united_members (plan, unit);
CREATE TEMP TABLE united_plans AS
    SELECT plan, max(study) AS study, max(model) AS model, count(*) AS units,
           min(u.position) AS first,
           (SELECT count(DISTINCT h.id) FROM held_units h
            WHERE h.source IN (SELECT source FROM held_members o WHERE o.plan = m.plan)
                AND h.id IN (SELECT unit FROM united_members o WHERE o.plan = m.plan)) AS own
    FROM united_members m LEFT JOIN united_units u ON u.id = m.unit GROUP BY plan HAVING count(u.id);
"""

_REPLACE: Final = (
    "DELETE FROM grades",
    "DELETE FROM pictures",
    "DELETE FROM made",
    "DELETE FROM failures",
    "DELETE FROM records",
    "DELETE FROM places",
    "DELETE FROM units",
    "INSERT OR IGNORE INTO settings (json) SELECT DISTINCT settings FROM united_units",
    """INSERT INTO units SELECT position, u.id, study, version, kind, model, inputs, s.id, seed
       FROM united_units u JOIN settings s ON s.json = u.settings ORDER BY position""",
    "INSERT INTO places SELECT id, place FROM united_units",
    "INSERT INTO records SELECT * FROM united_records",
    """INSERT INTO failures (unit, status, error, seconds, invocation)
       SELECT unit, status, error, seconds, invocation FROM united_failures
       ORDER BY unit, started, seconds, status, error""",
    "INSERT INTO pictures SELECT * FROM united_pictures",
    "INSERT INTO grades SELECT * FROM united_grades",
    "INSERT INTO made SELECT * FROM united_made",
    "DELETE FROM members",
    "INSERT INTO members SELECT * FROM united_members",
    "DELETE FROM plans",
    "INSERT INTO plans SELECT * FROM united_firsts",
    "DELETE FROM wholes",
    "INSERT INTO wholes SELECT * FROM united_wholes",
    "DELETE FROM digests",
    "INSERT INTO digests SELECT position, judge, digest FROM united_digests JOIN united_units ON id = unit",
)

_SAME: Final = (
    ("SELECT position, id, place FROM united_units", "SELECT position, id, place FROM units JOIN places ON unit = id"),
    ("SELECT * FROM united_records", "SELECT * FROM main.records"),
    (
        "SELECT unit, status, error, seconds, invocation FROM united_failures",
        "SELECT unit, status, error, seconds, invocation FROM main.failures",
    ),
    ("SELECT * FROM united_pictures", "SELECT * FROM main.pictures"),
    ("SELECT * FROM united_grades", "SELECT * FROM main.grades"),
    ("SELECT * FROM united_made", "SELECT * FROM main.made"),
    ("SELECT * FROM united_members", "SELECT * FROM main.members"),
    ("SELECT * FROM united_firsts", "SELECT * FROM main.plans"),
    ("SELECT * FROM united_wholes", "SELECT * FROM main.wholes"),
    ("SELECT * FROM united_digests", "SELECT id, judge, digest FROM main.digests JOIN main.units USING (position)"),
)


class Clash(NamedTuple):
    """Two folders that say different things of one unit.

    Attributes:
        unit: its id.
        kind: of the unit.
        study: of the unit.
        judge: whose grades differ; empty where the records do.
        one: number of the source that says one thing ...
        other: ... and of one that says another.
        pictures: it is the pictures that differ.
    """

    unit: str
    kind: str
    study: str
    judge: str
    one: int
    other: int
    pictures: bool


class Unplanned(NamedTuple):
    """Two plans that cannot be made whole by one another.

    Attributes:
        study: of both.
        model: of both.
        first: units of the one ...
        second: ... and of the other.
        shared: units that are in both.
        one: number of a source that holds a part of the one ...
        other: ... and of one that holds a part of the other.
    """

    study: str
    model: str
    first: int
    second: int
    shared: int
    one: int
    other: int


def copy(connection: sqlite3.Connection, source: int, schema: str) -> None:
    """Puts what an attached database holds beside what was copied before; all of one moment.

    Raises:
        StoreError: a unit does not have the content that its id stands for.
    """
    place, places = "u.position", ""
    if _has(connection, schema, "places"):
        place, places = "coalesce(place, u.position)", f"LEFT JOIN {schema}.places ON unit = u.id"
    sealed = "0"
    if _has(connection, schema, "digests"):
        own = f"SELECT position FROM {schema}.units u WHERE u.id = r.unit"
        kept = f"SELECT digest NOTNULL FROM {schema}.digests WHERE position = ({own}) AND judge = ''"
        sealed = f"coalesce(({kept}), 0)"
    statements = _COPY.format(schema=schema, place=place, places=places, sealed=sealed).split(";")
    statements += [
        insert.format(schema=schema) for table, insert in _COPY_ADDED.items() if _has(connection, schema, table)
    ]
    if sealed == "0":
        statements += _NO_DIGESTS.format(schema=schema).split(";")
    connection.execute("BEGIN")
    try:
        for statement in statements:
            if statement.strip():
                connection.execute(statement, {"source": source})
    finally:
        connection.execute("COMMIT")
    columns = "id, study, version, kind, model, inputs, settings, seed"
    for row in connection.execute(f"SELECT {columns} FROM held_units WHERE source = ?", (source,)):
        rows.unit_from(row)


def _has(connection: sqlite3.Connection, schema: str, table: str) -> bool:
    query = f"SELECT 1 FROM {schema}.sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (table,)).fetchone() is not None


def unite(connection: sqlite3.Connection) -> None:
    """Makes one of what was copied."""
    connection.executescript(_UNITE)


def clashes(connection: sqlite3.Connection) -> Iterator[Clash]:
    """Units whose finished records, or grades by one judge, differ between sources; in the order of planning."""
    records = """
        SELECT position, a.unit, kind, study, '', a.source, b.source, a.payload = b.payload AND a.error = b.error
        FROM held_records a JOIN held_records b ON b.unit = a.unit AND b.source > a.source
            JOIN united_units u ON u.id = a.unit
        WHERE a.status = 'done' AND b.status = 'done'
            AND (a.payload != b.payload OR a.error != b.error OR a.pictures != b.pictures)"""
    grades = """
        SELECT position, a.unit, kind, study, a.judge, a.source, b.source, 0
        FROM held_grades a JOIN held_grades b ON b.unit = a.unit AND b.judge = a.judge AND b.source > a.source
            JOIN united_units u ON u.id = a.unit
        WHERE a.payload != b.payload"""
    for row in connection.execute(f"{records} UNION ALL {grades} ORDER BY 1, 5, 6, 7"):
        yield Clash(*row[1:7], pictures=bool(row[7]))


def made(connection: sqlite3.Connection, unit: str, source: int) -> Made | None:
    """How a source's record of a unit came to be, where that was noted."""
    query = "SELECT batch, size, device, dtype FROM held_made WHERE unit = ? AND source = ?"
    found = connection.execute(query, (unit, source)).fetchone()
    return Made(*found) if found else None


def unplanned(connection: sqlite3.Connection) -> Unplanned | None:
    """Two plans that share units and differ, neither of which is whole by its own parts; None if there are none.

    Two plans that one source holds parts of were made there one after the other, and were never meant to be one.
    """
    found = connection.execute(
        """SELECT p.study, p.model, p.units, q.units,
                  (SELECT count(*) FROM united_members a JOIN united_members b USING (unit)
                   WHERE a.plan = p.plan AND b.plan = q.plan) AS shared,
                  (SELECT min(source) FROM held_members WHERE plan = p.plan),
                  (SELECT min(source) FROM held_members WHERE plan = q.plan)
           FROM united_plans p JOIN united_plans q ON q.plan > p.plan AND q.study = p.study AND q.model = p.model
           WHERE p.own < p.units AND q.own < q.units AND shared > 0
               AND NOT EXISTS (SELECT 1 FROM held_members a JOIN held_members b USING (source)
                               WHERE a.plan = p.plan AND b.plan = q.plan)
           ORDER BY p.first, q.first LIMIT 1"""
    ).fetchone()
    return Unplanned(*found) if found else None


def same(connection: sqlite3.Connection) -> bool:
    """The database itself holds exactly what all hold together."""
    return not any(
        connection.execute(f"SELECT 1 FROM ({left} EXCEPT {right}) LIMIT 1").fetchone()
        for pair in _SAME
        for left, right in (pair, pair[::-1])
    )


def replace(connection: sqlite3.Connection) -> None:
    """Puts what all hold together in the place of what the database held; inside a transaction."""
    for statement in (*_REPLACE, *filter(str.strip, counted().split(";"))):
        connection.execute(statement)


def pictures(connection: sqlite3.Connection) -> list[tuple[str, list[int]]]:
    """Hash of every picture, with the sources that hold it."""
    found = connection.execute("SELECT sha256, group_concat(DISTINCT source) FROM held_pictures GROUP BY sha256")
    return [(sha256, sorted(map(int, sources.split(",")))) for sha256, sources in found]


def counts(connection: sqlite3.Connection) -> tuple[int, int, int, int]:
    """Units, finished records, pictures and grades that all hold together."""
    return connection.execute(
        """SELECT (SELECT count(*) FROM united_units),
                  (SELECT count(*) FROM united_records WHERE status = 'done'),
                  (SELECT count(DISTINCT sha256) FROM united_pictures),
                  (SELECT count(*) FROM united_grades)"""
    ).fetchone()
