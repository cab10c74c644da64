"""What moving and steering states shows: findings, tables, heat maps of layers and positions, dose curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell as TableCell
from unispect.core.findings import Figure, Interval, Section, Series, Table
from unispect.core.prompts import Goal
from unispect.core.units import Entry
from unispect.metrics.means import Means
from unispect.studies.decisions import family_of, settled
from unispect.studies.names import WORDS, names_of
from unispect.studies.patching.claims import (
    DOING,
    DONE,
    STEERED,
    TABLE,
    Shown,
    best_dose,
    figure_of,
    findings,
    other,
    words_of,
)
from unispect.studies.patching.observed import (
    BESIDE,
    DIRECTION,
    OWN,
    SOURCE,
    Model,
    Outcomes,
    observed,
)
from unispect.studies.patching.plan import COMBINATIONS, MOST_LAYERS, SCALES, STUDY
from unispect.studies.patching.records import (
    ACROSS,
    MOVED,
    NEVER_WORD,
    PLACES,
    RANDOM,
    REAL_WORD,
    UNPATCHED,
    UNRELATED,
)
from unispect.studies.trainings import ALONE, several, trainings_of
from unispect.studies.verdicts import KNOWN, SMALL

METHODS = (
    "Activation patching, or interchange intervention (arXiv 2004.12265, 2106.02997, 2202.05262): a run is "
    "repeated with its states at one layer and place replaced by those of another run; what is computed from "
    "them changes with them. Told: the likeliest of the attribute's values, as the concepts study asks; drawn: "
    "what rules see in the picture, all pictures of a word drawn by one seed.",
    "Places: all tokens of the word; the template behind the user's text, but for its last row; the row from "
    "which the reply is generated, which in a prompt for a picture is where the picture begins; all of these "
    "at once. Where two runs have different numbers of rows at a place, their last ones go together, as many "
    "as the shorter has.",
    f"Layers: 0, the input of the first block, to the last; of deep models {MOST_LAYERS}, evenly spread.",
    "Moved: the states that the same word has under the other goal. Denoising: those of a real word are put "
    "into the run of a word that was never taught, whose answer should follow. Noising: those of a word never "
    "taught are put into the run of a real word, whose answer should be lost (arXiv 2309.16042).",
    "Controls: the states of a word of another attribute, from a prompt that shares no word (specificity); a "
    "run's own states (identity), which must change no digit; random states, as long row by row.",
    "Steering: the mean state of a value's real word less that of the attribute's other values (arXiv "
    f"2308.10248), from four questions or from {COMBINATIONS} drawing prompts of combinations that may be "
    f"learned from, times {', '.join(f'{scale:g}' for scale in SCALES)}; beside it a random direction as long. "
    "What must not change: the picture's other three attributes; in telling the question about a real word of "
    "another attribute, steered alike.",
    f"Verdicts: most is surely above {KNOWN} of chance-corrected share, what follows at all surely above "
    f"{SMALL}. Layer 0 decides nothing: it holds the tokens. A claim about any of many patches is corrected for "
    "all of them (Bonferroni), then with all claims of the section (Holm); it is refuted where it surely fails "
    "at each. That moved words fail is said only where real words' states, put across from one real word to "
    "another, are followed, and surely more often. Words taught in the same way are taken together. These "
    "rules were settled on planted worlds and while organisms of Janus-Pro were looked at; for other families "
    "they were fixed beforehand.",
)
CAVEATS = (
    "That moved states are told or drawn shows that they are enough there, not that a model uses them by itself.",
    "A state that another prompt wrote may lie where the run it is put into never is; the random control shows "
    "what that alone does, no more.",
    f"Intervals are over words, as one training of a model left them. {ALONE}",
)


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them. Pure."""
    return section(observed(entries, cards, names_of(entries, cards)))


def section(models: Sequence[Model]) -> Section:
    """The section on what was patched and steered; see `view`."""
    claims = list(findings(models))
    every = [one for model in models for one in model.patched.values()]
    steered = [one for model in models for one in model.steered.values()]
    tables = (_moved(every), _steered(steered), _over_trainings(every))
    return Section(
        id=STUDY,
        title="Can meaning be moved from drawing into telling?",
        lead=(
            "States that a model has at a word while it is to draw are put into the question what the word means, "
            "and the reverse. Where that answers what was not answered before, the meaning was there; where real "
            "words can be moved so and others cannot, it is held in another way."
        ),
        findings=settled(claims),
        family=family_of(claims),
        tables=tuple(table for table in tables if table.rows),
        figures=(*_maps(every), *_curves(steered)),
        methods=METHODS,
        caveats=CAVEATS,
    )


_SHOWN = ((MOVED, OWN), (REAL_WORD, SOURCE), (ACROSS, SOURCE), (NEVER_WORD, OWN))
"""Kinds of patches, and which value is counted."""


def _moved(every: Sequence[Outcomes]) -> Table:
    rows: list[tuple[TableCell, ...]] = []
    for one in every:
        for kind, which in _SHOWN:
            if not one.has_kind(kind):
                continue
            seen = Shown(one, kind, which)
            best = seen.best if kind != NEVER_WORD else min(seen.deciding, key=lambda cell: seen.share(cell).estimate)
            unrelated = (UNRELATED, which, *best)
            low, high = one.rows[kind][best[0]]
            rows.append(
                (
                    one.name,
                    DONE[one.goal],
                    words_of(one),
                    kind,
                    len(one.words),
                    round(one.chance, 3),
                    one.share((UNPATCHED, which)),
                    f"{best[0]}, layer {best[1]}",
                    f"{low}" if low == high else f"{low}-{high}",
                    seen.share(best),
                    one.share(unrelated) if one.has(unrelated) else None,
                    one.share(seen.key(best, RANDOM)),
                    seen.less(best, RANDOM),
                    f"{sum(one.same)} of {len(one.same)}",
                )
            )
    columns = ("model", "done", "words", "states of", "n", "chance", "unpatched", "most at", "rows", "patched there")
    columns += ("unrelated there", "random there", "patched less random", "unchanged by themselves")
    return Table(
        TABLE,
        "States that were put into other runs",
        columns,
        tuple(rows),
        "Chance-corrected shares, 0 at chance: of answers that are the word's own value for words moved and for "
        "words never taught, of answers that follow for real words. Where most follows; of words never taught, where "
        "least is left. Limits are of that one layer and place; those for all of them stand in the findings.",
    )


def _steered(every: Sequence[Outcomes]) -> Table:
    rows: list[tuple[TableCell, ...]] = []
    for one in every:
        for origin in one.origins:
            best = best_dose(one, origin)
            here, random = (DIRECTION, SOURCE, *best), (RANDOM, SOURCE, *best)
            rows.append(
                (
                    one.name,
                    DONE[one.goal],
                    WORDS.get(one.taught, one.lexicon),
                    DOING[Goal(origin)],
                    len(one.words),
                    round(one.chance, 3),
                    one.share((UNPATCHED, SOURCE)),
                    f"{best[1]}, layer {best[2]}",
                    best[3],
                    one.share(here),
                    one.share(random),
                    one.less(here, random),
                    one.less((UNPATCHED, BESIDE), (DIRECTION, BESIDE, *best)),
                )
            )
    columns = ("model", "done", "words", "directions from", "n", "chance", "unsteered", "clearest at", "scale")
    columns += ("steered there", "random there", "steered less random", "lost beside")
    return Table(
        STEERED,
        "Directions that were added",
        columns,
        tuple(rows),
        "Chance-corrected shares that follow, and the share of other attributes that is lost; where most follows "
        "beyond a random direction and what is lost beside.",
    )


def _over_trainings(every: Sequence[Outcomes]) -> Table:
    """Of families that were trained several times: trainings are the unit."""
    rows: list[tuple[TableCell, ...]] = []
    moved = [one for one in every if one.has_kind(MOVED)]
    for goal, lexicon in dict.fromkeys((one.goal, one.lexicon) for one in moved):
        own = [one for one in moved if (one.goal, one.lexicon) == (goal, lexicon)]
        for family, trainings in several(trainings_of(own)).items():
            for cell in trainings[0].cells:
                if not all(one.has((MOVED, OWN, *cell)) for one in trainings):
                    continue
                row = [_over(trainings, kind, cell) for kind in (MOVED, UNRELATED, RANDOM)]
                name = words_of(trainings[0])
                rows.append((family, DONE[goal], name, f"{cell[0]}, layer {cell[1]}", len(trainings), *row))
    return Table(
        "trainings",
        "Over trainings",
        ("family", "done", "words", "at", "trainings", "moved", "unrelated", "random"),
        tuple(rows),
        "Chance-corrected shares; limits are over trainings, none from fewer than three.",
    )


def _over(trainings: Sequence[Outcomes], kind: str, cell: tuple[str, int]) -> Interval:
    values = [one.share((kind, OWN, *cell)).estimate for one in trainings]
    return Means.of([("", at, [value]) for at, value in enumerate(values)], unit="trainings").linear([[1.0]])


def _maps(every: Sequence[Outcomes]) -> Iterator[Figure]:
    """A heat map for each goal, kind and lexicon; of every model a panel, and panels of what controls leave of it."""
    for kind, which in _SHOWN:
        found: dict[str, list[Shown]] = {}
        for one in every:
            if one.has_kind(kind):
                found.setdefault(figure_of(one, kind), []).append(Shown(one, kind, which))
        for name, own in found.items():
            yield _map(name, own)


def _map(name: str, own: Sequence[Shown]) -> Figure:
    first = own[0].outcomes
    panels: dict[str, tuple[Series, ...]] = {}
    for seen in own:
        model = seen.outcomes.name
        panels[model] = tuple(_series(seen, {cell: seen.share(cell) for cell in seen.cells}))
        for control in (UNRELATED, RANDOM):
            if all(seen.outcomes.has(seen.key(cell, control)) for cell in seen.cells):
                less = {cell: seen.less(cell, control) for cell in seen.cells}
                panels[f"{model}, less {control}"] = tuple(_series(seen, less))
    tops = [
        f"{seen.outcomes.name}: {seen.share(seen.best).estimate:.2f} at {seen.best[0]}, layer {seen.best[1]}"
        for seen in own
    ]
    called = WORDS.get(first.taught, f"words of {first.lexicon}")
    return Figure(
        id=name,
        title=f"{called[0].upper()}{called[1:]}, {DONE[first.goal]} with {_states(own[0])}",
        x_label="layer",
        y_label="chance-corrected share",
        panels=panels,
        preset=None,
        caption=(
            f"{_counts(own[0])}; 0 is chance and has no shade. Panels of controls: the difference at the same place."
        ),
        summary=f"Most: {'; '.join(tops)}.",
        scale=(0.0, 1.0),
    )


def _states(seen: Shown) -> str:
    goal = seen.outcomes.goal
    return {
        MOVED: f"the states that they have in {DOING[other(goal)]}",
        REAL_WORD: f"the states of real words in {DOING[goal]}",
        ACROSS: f"the states of real words in {DOING[other(goal)]}",
        NEVER_WORD: "the states of words that were never taught",
    }[seen.kind]


def _counts(seen: Shown) -> str:
    return "Share that follows the states" if seen.which == SOURCE else "Share that is the word's own value"


def _series(seen: Shown, values: Mapping[tuple[str, int], Interval]) -> Iterator[Series]:
    for place in PLACES:
        found = [(layer, one) for (own, layer), one in values.items() if own == place]
        if found:
            yield _line(place, [float(layer) for layer, _ in found], [one for _, one in found])


def _line(label: str, x: Sequence[float], values: Sequence[Interval], *, dash: bool = False) -> Series:
    low, high = [round(one.low, 4) for one in values], [round(one.high, 4) for one in values]
    banded = not any(map(math.isnan, low))
    y = [round(one.estimate, 4) + 0.0 for one in values]
    return Series(label, x, y, low if banded else (), high if banded else (), dash)


def _curves(every: Sequence[Outcomes]) -> Iterator[Figure]:
    """What follows, and what is lost beside, by dose; at the layer and place where steering is clearest."""
    for goal in Goal:
        own = [one for one in every if one.goal is goal]
        panels = {
            f"{one.name}: {WORDS.get(one.taught, one.lexicon)}, directions from {DOING[Goal(origin)]}": _doses(
                one, origin
            )
            for one in own
            for origin in one.origins
        }
        if panels:
            yield Figure(
                id=f"doses-{goal}",
                title=f"What is {DONE[goal]} along directions of real words",
                x_label="scale",
                y_label="share",
                panels=panels,
                preset=None,
                caption=(
                    "At the layer and place where steering is clearest. What follows is chance-corrected; what is "
                    "kept of other attributes is not. Bands: 95 % over words."
                ),
                summary=f"{len(panels)} dose curves of steering, each beside a random direction.",
            )


def _doses(one: Outcomes, origin: str) -> tuple[Series, ...]:
    _, place, layer, _ = best_dose(one, origin)
    doses = [dose for dose in one.doses(origin) if dose[1:3] == (place, layer)]
    x = [0.0, *(dose[3] for dose in doses)]

    def values(kind: str, which: str) -> list[Interval]:
        return [one.share((UNPATCHED, which)), *(one.share((kind, which, *dose)) for dose in doses)]

    return (
        _line("follows", x, values(DIRECTION, SOURCE)),
        _line("follows a random direction", x, values(RANDOM, SOURCE), dash=True),
        _line("other attributes right", x, values(DIRECTION, BESIDE)),
    )
