"""The studies by name: ours, and those that other packages export under the entry-point group `unispect.studies`.

An entry point's name is the study's, its value the place of a `Study`: `toy = "toy_package:study"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from unispect.core.errors import UnispectError, UsageError, unknown
from unispect.studies.alignment import study as alignment
from unispect.studies.base import OverStudies, Study, later
from unispect.studies.concepts import study as concepts
from unispect.studies.drawing import study as drawing
from unispect.studies.encoding import study as encoding
from unispect.studies.faces import study as faces
from unispect.studies.patching import study as patching
from unispect.studies.posters import study as posters
from unispect.studies.probing_attributes import study as probing_attributes
from unispect.studies.reasoning import study as reasoning
from unispect.studies.response import study as response
from unispect.studies.safety import study as safety

GROUP = "unispect.studies"

STUDIES: Mapping[str, Study] = {
    study.name: study
    for study in (
        concepts,
        faces,
        safety,
        encoding,
        response,
        alignment,
        probing_attributes,
        patching,
        drawing,
        reasoning,
        posters,
    )
}
SECTIONS: tuple[OverStudies, ...] = (
    later("unispect.studies.families.view:view"),
    later("unispect.studies.mechanism.view:view"),
    later("unispect.studies.meaning.view:view"),
    later("unispect.studies.causes.view:view"),
    later("unispect.studies.headline.view:view"),
    later("unispect.studies.statements.view:view"),
)
"""Sections over several of our studies, in the order of a report."""
RESTS_ON: Mapping[str, str] = {
    "families": "runs of concepts, encoding and response on models of two families or more",
    "mechanism": "runs of concepts, encoding and response on the same model",
    "meaning": "runs of concepts, probing-attributes and patching on the same model",
    "causes": "the folder of unispect train sweep",
    "headline": "runs of reasoning and of encoding or response on the same model and prompts",
    "statements": "runs of encoding and response",
}
"""Name of such a section -> of what a report makes it."""


def all_studies() -> dict[str, Study]:
    """Ours and what is installed under the entry-point group; a name of ours cannot be taken over."""
    found = dict(STUDIES)
    for point in entry_points(group=GROUP):
        if point.name not in found:
            found[point.name] = _installed(point)
    return found


def find_study(name: str) -> Study:
    """The study of that name.

    Raises:
        UsageError: there is none; names the nearest, or says of what a section of that name is made.
    """
    studies = all_studies()
    if name in RESTS_ON and name not in studies:
        raise UsageError(
            f"{name!r} is no study but a section of a report: unispect report makes it of {RESTS_ON[name]}"
        )
    if name not in studies:
        raise unknown("study", name, studies)
    return studies[name]


def all_sections() -> list[OverStudies]:
    """Every section over several studies: ours, then those that installed studies bring."""
    return [*SECTIONS, *(section for study in all_studies().values() for section in study.sections)]


def _installed(point: EntryPoint) -> Study:
    """What an entry point names. One that cannot be used is known by the reason and does nothing else."""
    try:
        study = point.load()
    except Exception as error:  # of somebody else's module, which must not stop the studies that work
        return _unusable(point, f"{type(error).__name__}: {error}")
    if not isinstance(study, Study):
        return _unusable(point, f"{point.value} is no unispect.studies.base.Study")
    if study.name != point.name:
        return _unusable(point, f"{point.value} is a study called {study.name}")
    return study


def _unusable(point: EntryPoint, reason: str) -> Study:
    said = f"the study {point.name!r} cannot be used: {reason}"

    def function(*_: object) -> Any:
        raise UnispectError(said)

    return Study(point.name, 0, said, plan=function, procedures=function, view=function)
