"""Which records are shown, and in what order: all of it stands in the address of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final
from urllib.parse import urlencode

from unispect.viewer.index import FULL

RESULTS: Final = {
    "wrong": f"r.status = 'done' AND r.credit < {FULL}",
    "right": f"r.credit >= {FULL}",
    "open": "r.status = 'done' AND r.credit IS NULL",
    "failed": "r.status != 'done'",
}
"""What became of a record -> which are meant. "open": nothing calls it right or wrong."""
ORDERS: Final = {
    "wrong": "r.credit IS NULL, r.credit, r.run, r.position",
    "right": "r.credit IS NULL, r.credit DESC, r.run, r.position",
    "plan": "r.run, r.position",
    "slow": "r.seconds DESC, r.run, r.position",
}
"""Name -> columns; the first is what a page shows unless asked for another."""
LONGEST: Final = 500
"""Characters of one value."""
DEEPEST: Final = 1_000_000
"""The last page that is looked for."""


@dataclass(frozen=True)
class Filter:
    """The records that are shown.

    Attributes:
        run: key; empty for all, as of the others.
        study: name.
        model: `id@revision`.
        kind: of unit.
        group: of records that belong together.
        result: one of `RESULTS`.
        q: text that must occur; capitals do not matter.
        order: one of `ORDERS`.
        page: from 1.
    """

    run: str = ""
    study: str = ""
    model: str = ""
    kind: str = ""
    group: str = ""
    result: str = ""
    q: str = ""
    order: str = "wrong"
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filter:
        """What an address asks for; what it does not know is left out."""
        known = {one.name: query[one.name][:LONGEST] for one in fields(cls) if one.name in query}
        page = known.pop("page", "")
        number = min(int(page), DEEPEST) if page.isascii() and page.isdigit() and len(page) < 9 else 1
        asked = cls(**known, page=max(1, number))  # type: ignore[arg-type]
        return replace(
            asked,
            result=asked.result if asked.result in RESULTS else "",
            order=asked.order if asked.order in ORDERS else "wrong",
        )

    def but(self, **changes: Any) -> Filter:
        """The same with changes, from its first page on."""
        return replace(self, **{"page": 1, **changes})

    @property
    def query(self) -> str:
        """As it stands in an address, behind the question mark; empty for all records."""
        usual = Filter()
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return urlencode({name: value for name, value in said.items() if value != getattr(usual, name)})

    @property
    def narrowed(self) -> bool:
        """Something is left out."""
        return bool(self.but(order="wrong").query)

    def where(self, *, pictures: bool = False) -> tuple[str, list[Any]]:
        """A condition on `records r`, and its values.

        Args:
            pictures: only records with a picture.
        """
        columns = {
            "run": self.run,
            "study": self.study,
            "model": self.model,
            "kind": self.kind,
            "grp": self.group,
        }
        terms = [f"r.{column} = ?" for column, value in columns.items() if value]
        values: list[Any] = [value for value in columns.values() if value]
        if self.result:
            terms.append(f"({RESULTS[self.result]})")
        if pictures:
            terms.append("r.pictures > 0")
        if self.q.strip():
            terms.append("instr((SELECT text FROM texts t WHERE t.run = r.run AND t.position = r.position), ?) > 0")
            values.append(self.q.strip().casefold())
        return " AND ".join(terms) or "1", values
