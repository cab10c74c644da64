"""The studies by name: one table, and the entry-point group `unispect.studies` for those that live elsewhere.

An entry point's value is the dotted name of a study package (see `unispect.studies.base`); the first line of that
package's docstring is its question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from unispect.core.cards import ModelCard
from unispect.core.errors import UnispectError, unknown
from unispect.core.extras import missing
from unispect.core.findings import Section
from unispect.core.units import Entry, Plan, Prior, Record, Skip, Unit
from unispect.studies.base import Options

if TYPE_CHECKING:
    from unispect.models.base import UnifiedModel

GROUP = "unispect.studies"

PlanFunction = Callable[[ModelCard, Options], Plan]
RunFunction = Callable[["UnifiedModel", Sequence[Unit], Prior], Iterator[Record]]
ViewFunction = Callable[[Sequence[Entry], Mapping[str, ModelCard]], Section]


@dataclass(frozen=True)
class Study:
    """A study as the registry knows it; its modules are imported when asked for.

    Attributes:
        name: the word on the command line.
        package: dotted name.
        question: what it answers, in one sentence.
        graded: its records hold pictures or recalls that a judge has to look at before the view can say anything.
        prompts: its prompts come from `--data`.
        presets: it measures states, and `--preset` says how.
        parts: it asks several kinds of questions, among which `--parts` chooses.
        asked_to_grade: its replies are graded by a chat model that the user names (`unispect grade RUN --judge ...`).
    """

    name: str
    package: str
    question: str
    graded: bool = False
    prompts: bool = True
    presets: bool = True
    parts: bool = False
    asked_to_grade: bool = False

    @property
    def version(self) -> int:
        """Raised by the study whenever a prompt or a procedure changes."""
        return int(self._part("plan").VERSION)

    @property
    def plan(self) -> PlanFunction:
        """Needs no torch."""
        return self._part("plan").plan

    def planned(self, card: ModelCard, options: Options) -> Plan:
        """The plan, which also names the seeds among the options that no unit of it has.

        Raises:
            UsageError: the options make no sense for this study, or there is nothing to do.
            DataError: the prompts cannot be read.
        """
        plan = self.plan(card, options)
        used = {unit.seed for unit in plan.units}
        unused = [seed for seed in dict.fromkeys(options.seeds) if seed not in used]
        if not unused:
            return plan
        named = f"{'seeds' if len(unused) > 1 else 'seed'} {', '.join(map(str, unused))}"
        reason = f"nothing that {self.name} asks of {card.id} is repeated for every seed"
        kept = [str(seed) for seed in options.seeds if seed in used]
        said = f"{reason}; it is done for seed {', '.join(kept)}" if kept else reason
        return replace(plan, skips=(*plan.skips, Skip(named, said)))

    @property
    def run(self) -> RunFunction:
        """Importing it imports torch."""
        return self._part("run").run

    @property
    def view(self) -> ViewFunction:
        """Needs no torch."""
        return self._part("view").view

    def _part(self, module: str) -> Any:
        try:
            return import_module(f"{self.package}.{module}")
        except ModuleNotFoundError as error:
            raise missing(error) or UnispectError(f"study {self.name!r} cannot be imported: {error}") from error


STUDIES: Mapping[str, Study] = {
    study.name: study
    for study in (
        Study(
            "concepts",
            "unispect.studies.concepts",
            "Can the model tell in words what it can draw, and draw what it can tell?",
            graded=True,
            prompts=False,
            presets=False,
            parts=True,
        ),
        Study(
            "faces",
            "unispect.studies.faces",
            "Can the model tell what the people look like whom it draws by their names?",
            graded=True,
            prompts=False,
            presets=False,
        ),
        Study(
            "safety",
            "unispect.studies.safety",
            "Does a model that was aligned by text refuse what it can draw, whatever it is called?",
            graded=True,
            prompts=False,
            presets=False,
        ),
        Study(
            "encoding",
            "unispect.studies.encoding",
            "Do text prompts and pictures take the same entropy trajectory through the layers?",
        ),
        Study(
            "response",
            "unispect.studies.response",
            "How much do the states of a text reply and of a drawn reply depend on their prompt, layer by layer?",
        ),
        Study(
            "drawing",
            "unispect.studies.drawing",
            "What does the model draw from a list of prompts, for whoever judges pictures?",
            presets=False,
        ),
        Study(
            "posters",
            "unispect.studies.posters",
            "What of a known poster comes back right when a model draws it from memory, and what when it describes it?",
            prompts=False,
            presets=False,
            parts=True,
            asked_to_grade=True,
        ),
    )
}


def all_studies() -> dict[str, Study]:
    """The table and what is installed under the entry-point group; a name of the table cannot be taken over."""
    found = dict(STUDIES)
    for point in entry_points(group=GROUP):
        if point.name not in found:
            found[point.name] = Study(point.name, point.value, _question(point.value))
    return found


def find_study(name: str) -> Study:
    """The study of that name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    studies = all_studies()
    if name not in studies:
        raise unknown("study", name, studies)
    return studies[name]


def _question(package: str) -> str:
    try:
        text = import_module(package).__doc__ or ""
    except ImportError as error:
        return f"cannot be imported: {error}"
    return text.strip().splitlines()[0] if text.strip() else ""
