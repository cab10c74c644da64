"""Published gradings of posters: their numbers recomputed from the items, their counts checked, known numbers compared.

Numbers are arranged as arXiv 2510.21842's release computes them: per grading the mean over posters, then mean and
standard error over gradings. That error says how much the judge varies; for what it does not say see `scoring`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from reproductions.posters.gradings import Grading, Poster, read_json
from unispect.core.errors import DataError
from unispect.data.posters.items import MODALITIES
from unispect.studies.posters.scoring import MEASURES, GradedReply, Tally, mean_defined, share, tally

PUBLISHED: Mapping[str, str] = {
    "hallucination": "hallucination",
    "omission": "omission",
    "error": "error",
    "minor rate": "minor_rate",
    "severe rate": "major_rate",
    "minor of all": "minor_of_all",
    "severe of all": "major_of_all",
}
"""Our measures -> their published names."""
RATES: Mapping[str, Callable[[Tally], float]] = {name: MEASURES[measure] for measure, name in PUBLISHED.items()}
OF_POSTERS = tuple(RATES)[:5]
DIGITS = 6
"""Decimals to which numbers are compared."""
EXPECTED = "expected.json"


@dataclass(frozen=True)
class Stale:
    """Stored counts of one poster that its items contradict.

    Attributes:
        path: of the file.
        poster: its id; empty for counts of the whole file.
        modality: of the reply; empty for counts of the rubric.
        stored: name -> what the file says.
        counted: name -> what the items give.
        places: how many places of the file say so.
    """

    path: Path
    poster: str
    modality: str
    stored: Mapping[str, float]
    counted: Mapping[str, float]
    places: int


@dataclass(frozen=True)
class Comparison:
    """Known numbers beside ours.

    Attributes:
        path: where the known ones are.
        numbers: how many were compared.
        differences: place -> (known, ours); ours is None for what we did not get.
        absent: settings of which the folder holds no gradings.
        unknown: settings of the folder of which nothing is known.
    """

    path: Path
    numbers: int
    differences: Mapping[str, tuple[Any, Any]]
    absent: Sequence[str]
    unknown: Sequence[str]


def graded_replies(gradings: Iterable[Grading]) -> list[GradedReply]:
    """The gradings as gradings of one sample per poster and modality."""
    return [
        GradedReply(poster.id, modality, poster.items[modality])
        for grading in gradings
        for poster in grading.posters
        for modality in MODALITIES
    ]


def published_numbers(gradings: Sequence[Grading]) -> dict[str, Any]:
    """All numbers of one setting: `aggregate`, `per_run`, `per_poster`, agreement of verdicts; None where undefined."""
    tables = [
        {poster.id: {m: tally(poster.items[m]) for m in MODALITIES} for poster in one.posters} for one in gradings
    ]
    runs = [_of_grading(table) for table in tables]
    aggregate: dict[str, Any] = {}
    for modality in MODALITIES:
        for rate in (*RATES, "major_rate_zero_filled"):
            aggregate[f"{modality}_{rate}"] = _mean_and_error([run[f"{modality}_{rate}"] for run in runs])
        error, part = (aggregate[f"{modality}_{rate}"]["mean"] for rate in ("error", "hallucination"))
        aggregate[f"{modality}_hallucination_share_of_error"] = _quotient(part, error)
        aggregate[f"{modality}_pooled"] = _pooled([table[poster][modality] for table in tables for poster in table])
    text, image = (aggregate[f"{modality}_error"]["mean"] for modality in ("text", "image"))
    aggregate["text_over_image_error_ratio"] = _quotient(text, image)
    names = {poster.id: poster.name for grading in gradings for poster in grading.posters}
    found = {
        "aggregate": aggregate,
        "per_run": runs,
        "per_poster": {key: _of_poster(name, [t[key] for t in tables if key in t]) for key, name in names.items()},
        "verdict_agreement_on_identical_requirement_strings": _agreement(gradings),
        "texts_identical_across_runs": all(len(texts) == 1 for texts in _texts(gradings).values()),
    }
    return _defined(found)


def stale_counts(gradings: Iterable[Grading]) -> tuple[Stale, ...]:
    """Every stored count or percentage that disagrees with the items it counts, together per poster and modality."""
    found: list[Stale] = []
    for grading in gradings:
        if grading.total is not None and grading.total != len(grading.posters):
            own = {"total_posters": len(grading.posters)}
            found.append(Stale(grading.path, "", "", {"total_posters": grading.total}, own, 1))
        for poster in grading.posters:
            found += _stale(grading.path, poster)
    return tuple(found)


def find_expected(folder: Path) -> Path | None:
    """`expected.json` in the folder or beside it."""
    return next((path for path in (folder / EXPECTED, folder.resolve().parent / EXPECTED) if path.is_file()), None)


def compare(path: Path, settings: Mapping[str, Sequence[Grading]]) -> Comparison:
    """Every number of an `expected.json` held to what the items give, to six decimals.

    Compared are the settings' numbers, the list of stale counts, and the copies of aggregates that were held to the
    authors' notebook. Prose is left alone; a number we have no counterpart of is a difference.

    Raises:
        DataError: the file is damaged or holds no numbers of these settings.
    """
    known = read_json(path)
    if not isinstance(known, dict) or not any(isinstance(known.get(name), dict) for name in settings):
        raise DataError(
            f"{path} holds no numbers of {', '.join(settings)}; "
            "the first setting is the folder with posters-1.json itself, others are its sub-folders"
        )
    ours: dict[str, Any] = {name: published_numbers(gradings) for name, gradings in settings.items()}
    walk = _Walk()
    for name, numbers in ours.items():
        if name in known:
            walk.compare(name, known[name], numbers)
    inputs = known.get("inputs")
    named = set(inputs) if isinstance(inputs, dict) else set()
    absent = sorted(named - set(settings))
    if not absent and "consistency_checks" in known:
        walk.compare("consistency_checks", known["consistency_checks"], _consistency(path.parent, settings))
    notebook = known.get("check_against_official_notebook_output")
    if isinstance(notebook, dict):
        for name in notebook.keys() & ours.keys():
            copies = {rate: _copies(value) for rate, value in ours[name]["aggregate"].items()}
            walk.compare(f"check_against_official_notebook_output.{name}", notebook[name], copies)
    return Comparison(path, walk.numbers, walk.differences, absent, sorted(set(settings) - set(known)))


def _of_grading(table: Mapping[str, Mapping[str, Tally]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for modality in MODALITIES:
        tallies = [one[modality] for one in table.values()]
        for rate, measure in RATES.items():
            found[f"{modality}_{rate}"] = mean_defined(measure(one) for one in tallies)
        severe = [RATES["major_rate"](one) for one in tallies]
        defined = [value for value in severe if not math.isnan(value)]
        found[f"{modality}_major_rate_n_posters"] = len(defined)
        found[f"{modality}_major_rate_zero_filled"] = share(math.fsum(defined), len(severe))
        found[f"{modality}_counts"] = _counts(sum(tallies, Tally()))
    return found


def _of_poster(name: str, gradings: Sequence[Mapping[str, Tally]]) -> dict[str, Any]:
    found: dict[str, Any] = {"poster_name": name}
    for modality in MODALITIES:
        tallies = [one[modality] for one in gradings]
        for rate in OF_POSTERS:
            values = [value for value in map(RATES[rate], tallies) if not math.isnan(value)]
            found[f"{modality}_{rate}"] = {**_mean_and_error(values), "n_runs": len(values)}
        found[f"{modality}_counts_by_run"] = [list(_counts(one).values()) for one in tallies]
    return found


def _pooled(tallies: Sequence[Tally]) -> dict[str, Any]:
    total = sum(tallies, Tally())
    return {
        "counts": _counts(total),
        **{rate: measure(total) for rate, measure in RATES.items()},
        "hallucination_share_of_error": share(total.hallucinations, total.errors),
        "major_share_of_hallucination": share(total.severe, total.hallucinations),
    }


def _counts(one: Tally) -> dict[str, int]:
    return {
        "pos_total": one.wanted,
        "neg_total": one.unwanted,
        "pos_correct": one.wanted_correct,
        "pos_incorrect": one.minor,
        "pos_missing": one.omissions,
        "neg_correct": one.unwanted_correct,
        "neg_incorrect": one.severe,
    }


def _mean_and_error(values: Sequence[float]) -> dict[str, float]:
    """Mean and standard error (ddof 1) over gradings; NaN where there is none."""
    defined = [value for value in values if not math.isnan(value)]
    error = statistics.stdev(defined) / math.sqrt(len(defined)) if len(defined) > 1 else math.nan
    return {"mean": mean_defined(defined), "sem": error}


def _quotient(part: float, whole: float) -> float:
    """Quotients of means were taken of the rounded means; unrounded, the fifth decimal may differ."""
    return share(round(part, DIGITS), round(whole, DIGITS))


def _agreement(gradings: Sequence[Grading]) -> dict[str, Any]:
    """How often two gradings agree on a requirement that both word alike."""
    verdicts = [
        {(p.id, m, item.requirement): item.status for p in one.posters for m in MODALITIES for item in p.items[m]}
        for one in gradings
    ]
    pairs = [one[key] == other[key] for one, other in combinations(verdicts, 2) for key in one if key in other]
    return {"pairs": len(pairs), "equal": sum(pairs), "fraction": share(sum(pairs), len(pairs))}


def _texts(gradings: Iterable[Grading]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for grading in gradings:
        for poster in grading.posters:
            found.setdefault(poster.id, set()).add(poster.text)
    return found


def _stale(path: Path, poster: Poster) -> Iterator[Stale]:
    tallies = {modality: tally(poster.items[modality]) for modality in MODALITIES}
    rubric = tallies["text"]
    groups: dict[str, _Group] = {}
    truth: dict[str, tuple[str, str, float]] = {
        "summary.total_requirements": ("", "total_requirements", rubric.items),
        "summary.positive_negative_breakdown.rubric_counts.positive_rubric": ("", "positive_rubric", rubric.wanted),
        "summary.positive_negative_breakdown.rubric_counts.negative_rubric": ("", "negative_rubric", rubric.unwanted),
    }
    for modality, own in tallies.items():
        sums = {"correct": own.items - own.errors, "incorrect": own.hallucinations, "missing": own.omissions}
        broken_down = {
            "positive_correct": own.wanted_correct,
            "positive_incorrect": own.minor,
            "positive_missing": own.omissions,
            "negative_correct": own.unwanted_correct,
            "negative_incorrect": own.severe,
        }
        scores, inside = f"{modality}_fulfillment.scores", "positive_negative_breakdown"
        for name, value in {**sums, **{f"{name}_pct": 100 * n / own.items for name, n in sums.items()}}.items():
            truth[f"{scores}.{name}"] = truth[f"summary.{modality}_{name}"] = (modality, name, value)
        for name, value in broken_down.items():
            truth[f"{scores}.{inside}.{name}"] = truth[f"summary.{inside}.{modality}.{name}"] = (modality, name, value)
    for place, (modality, name, value) in truth.items():
        stored = poster.stored.get(place)
        if stored is not None and not _agrees(stored, value, percent=name.endswith("_pct")):
            groups.setdefault(modality, _Group()).add(name, stored, value)
    for modality, group in groups.items():
        yield Stale(path, poster.id, modality, group.stored, group.counted, group.places)


@dataclass
class _Group:
    """The stale counts of one poster and modality, while they are collected."""

    stored: dict[str, float] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)
    places: int = 0

    def add(self, name: str, stored: float, counted: float) -> None:
        self.stored.setdefault(name, stored)
        self.counted[name] = counted
        self.places += 1


def _agrees(stored: float, counted: float, *, percent: bool) -> bool:
    """Percentages are stored with one decimal."""
    return abs(stored - counted) <= (0.05 + 1e-9 if percent else 0)


def _consistency(root: Path, settings: Mapping[str, Sequence[Grading]]) -> dict[str, Any]:
    gradings = [grading for own in settings.values() for grading in own]
    sizes = {len(grading.posters) for grading in gradings}
    return {
        "files": len(gradings),
        "posters_per_file": sizes.pop() if len(sizes) == 1 else sorted(sizes),
        "exceptions": [
            {
                "file": _relative(one.path, root),
                "poster_id": one.poster,
                "modality": one.modality,
                "stored": dict(one.stored),
                "recomputed": dict(one.counted),
            }
            for one in stale_counts(gradings)
        ],
    }


def _relative(path: Path, root: Path) -> str:
    own, base = path.resolve(), root.resolve()
    return own.relative_to(base).as_posix() if own.is_relative_to(base) else own.as_posix()


def _copies(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {f"{who}_{what}": value.get(what) for who in ("notebook", "ours") for what in ("mean", "sem")}


def _defined(value: Any) -> Any:
    """The same with None for NaN."""
    if isinstance(value, dict):
        return {key: _defined(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_defined(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


_ABSENT = object()


class _Walk:
    """Goes through known numbers and ours side by side."""

    def __init__(self) -> None:
        self.numbers = 0
        self.differences: dict[str, tuple[Any, Any]] = {}

    def compare(self, place: str, known: Any, ours: Any) -> None:
        if isinstance(known, dict):
            inner = ours if isinstance(ours, dict) else {}
            for name, value in known.items():
                self.compare(f"{place}.{name}", value, inner.get(name, _ABSENT))
        elif isinstance(known, list):
            own = ours if isinstance(ours, list) else []
            if len(own) > len(known):
                self.differences[place] = (f"{len(known)} entries", f"{len(own)} entries")
            for index, value in enumerate(known):
                self.compare(f"{place}[{index}]", value, own[index] if index < len(own) else _ABSENT)
        else:
            self._leaf(place, known, ours)

    def _leaf(self, place: str, known: Any, ours: Any) -> None:
        number = known is None or (isinstance(known, int | float) and not isinstance(known, bool))
        if ours is _ABSENT and not number:
            return  # prose
        self.numbers += number
        if ours is _ABSENT:
            self.differences[place] = (known, None)
        elif isinstance(ours, float) and number and known is not None:
            if round(ours, DIGITS) != round(known, DIGITS):
                self.differences[place] = (known, ours)
        elif ours != known:
            self.differences[place] = (known, ours)
