"""The judges by name: those that studies bring, and the entry-point group `unispect.judges` for judges of any study."""

from __future__ import annotations

from importlib.metadata import entry_points

from unispect.core.errors import UnispectError, unknown
from unispect.core.extras import missing
from unispect.core.units import Grade, Record, Unit
from unispect.studies.base import Judge, OpenBlob
from unispect.studies.registry import all_studies

GROUP = "unispect.judges"


def find_judge(name: str) -> Judge:
    """The judge of that name: each study's own, where studies bring one, else the one installed under the group.

    Raises:
        UsageError: there is none; names the nearest.
        UnispectError: it is known but cannot be imported.
    """
    studies = all_studies().values()
    own = {study.name: study.judges[name] for study in studies if name in study.judges}
    if own:

        def judge(unit: Unit, record: Record, open_blob: OpenBlob) -> Grade | None:
            return own[unit.study](unit, record, open_blob) if unit.study in own else None

        return judge
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if name not in installed:
        raise unknown("judge", name, {*installed, *(named for study in studies for named in study.judges)})
    try:
        return installed[name].load()
    except (ImportError, AttributeError) as error:
        raise missing(error) or UnispectError(
            f"judge {name!r} cannot be imported from {installed[name].value}: {error}"
        ) from error
