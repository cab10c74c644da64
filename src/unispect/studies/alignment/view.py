"""How alike the two goals are, and who looks at whom: findings, tables, curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell, Figure, Section, Series, Table
from unispect.core.units import Entry
from unispect.metrics.extremes import largest
from unispect.metrics.means import Means
from unispect.studies.alignment import attending
from unispect.studies.alignment.attending import Looking, lookings
from unispect.studies.alignment.claims import CALLED, TABLE, decisive, findings, words_of
from unispect.studies.alignment.curves import Alike, alikes
from unispect.studies.alignment.plan import CONTEXTS, NEIGHBOURS, OF_TEXTS, PERMUTATIONS, STUDY
from unispect.studies.alignment.records import CKA, KNN, START, WORDS
from unispect.studies.cautions import losses_of
from unispect.studies.decisions import family_of, settled
from unispect.studies.names import names_of
from unispect.studies.trainings import ALONE, several, trainings_of
from unispect.studies.verdicts import SMALL

PLACE = {WORDS: "the words", START: "reply starts"}
METHODS = (
    f"Every word of a lexicon is drawn in the names of {CONTEXTS} combinations, half of them one wording and half "
    "another, in the place of the word that stands there, so that words of one attribute have the same company; and it "
    "is asked about in two wordings. States are means over prompts. A text of the user is given for both goals as it "
    "is.",
    "Places: the mean over the word's own tokens (of a text: over all of it); the row from which the reply is "
    "generated.",
    "CKA: linear, of unbiased HSIC (arXiv 1905.00414, 2010.15327, 2405.01012). Mutual neighbours: share of "
    f"{NEIGHBOURS} nearest by cosine that both goals have (arXiv 2405.07987), ties shared. Both are chance-corrected: "
    "0 is the mean over all permutations of words within their attribute, 1 is two goals that lie alike.",
    f"p values: {PERMUTATIONS} permutations of words within attributes ({OF_TEXTS} of texts), the count and one over "
    "all and one, by the largest standardised value of all layers together.",
    "Ceiling: the same number between two wordings for one goal. Goals are compared mean over all pairs of wordings, "
    "so that each is of as much data.",
    "Claims are about the row from which the reply is generated, by CKA, from the first block on. Alike: by the "
    f"permutation test, refuted where the largest value is surely below {SMALL}. Apart, and beyond spelling: "
    f"differences of means over layers, surely above {SMALL}, refuted where surely below.",
    "Attention: read out of every block and head while a picture is drawn (its last step) and while a picture is "
    "named.",
    "Intervals: 95 %, over words by the jackknife, over prompts for attention.",
)
CAVEATS = (
    "That goals lie alike shows that the same words are near each other for both, not that one route uses what the "
    "other has; words that are spelled alike are near each other too, which is why words never taught stand beside.",
    f"22 words are few: a value is seldom surely below {SMALL}. Limits of CKA hold less than 95 % where one direction "
    "outweighs all others (docs/statistics.md).",
    f"What is said holds for the words asked, as one training of a model left them. {ALONE}",
)


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them. Pure."""
    names = names_of(entries, cards)
    return section(alikes(entries, cards, names), lookings(entries, names), losses_of(entries))


def section(every: Sequence[Alike], looks: Sequence[Looking] = (), losses: Iterable[str] = ()) -> Section:
    """The section on what was compared and looked at; see `view`."""
    found = settled(findings(every))
    tables = (_table(every), *_over_trainings(every), attending.table(looks))
    return Section(
        id=STUDY,
        title="Do drawing and telling lie alike?",
        lead=(
            "A prompt to draw a word and a question about it are run through the same layers. Where words that are "
            "near each other for one are near each other for the other, the two goals lie alike there. Attention shows "
            "what rows of pictures and of replies look at."
        ),
        findings=found,
        tables=tuple(table for table in tables if table.rows),
        figures=(*_figures(every), *attending.figures(looks)),
        methods=METHODS,
        caveats=(*losses, *CAVEATS),
        family=family_of(found),
    )


def _table(every: Sequence[Alike]) -> Table:
    columns = ("model", "words", "at", "n", "goals, most", "in layer", "95 % of chance there", "p", "beyond chance in")
    columns += ("goals, mean", "wordings, drawn", "wordings, told", "gap", "neighbours, most", "p, neighbours")
    return Table(
        TABLE,
        "How alike prompts to draw and to tell are",
        columns,
        tuple(_row(one, every) for one in every if one.measure == CKA),
        "Chance-corrected CKA, but for the last two columns; limits over words. Most: largest of the layers from the "
        "first block on, with limits for all of them together, as p is. Means are over those layers. At the words, "
        "goals are alike at layer 0, since both hold the same tokens.",
    )


def _row(one: Alike, every: Sequence[Alike]) -> tuple[Cell, ...]:
    other = next(own for own in every if _same(own, one) and own.measure == KNN)
    head = (one.model, words_of(one), PLACE[one.place], len(one.items))
    if not one.layers:
        return (*head, *[None] * 11)
    return (
        *head,
        largest([one.across.at(layer, one.unit) for layer in one.layers]),
        one.best,
        round(float(one.quantile[one.best]), 2),
        round(one.anywhere, 4),
        ", ".join(map(str, one.named)) or "none",
        one.mean,
        None if one.drawn is None else one.drawn.mean(one.layers).at(0, one.unit),
        None if one.told is None else one.told.mean(one.layers).at(0, one.unit),
        one.gap,
        round(float(np.nanmax(other.across.values[1:])), 2) if other.layers else None,
        round(other.anywhere, 4),
    )


def _same(one: Alike, other: Alike) -> bool:
    return (one.model, one.lexicon, one.place) == (other.model, other.lexicon, other.place)


def _over_trainings(every: Sequence[Alike]) -> Iterator[Table]:
    """Of families that were trained several times: trainings are the unit."""
    rows: list[tuple[Cell, ...]] = []
    own = [one for one in decisive(every) if one.layers]
    for lexicon in dict.fromkeys(one.lexicon for one in own):
        for family, trainings in several(trainings_of([one for one in own if one.lexicon == lexicon])).items():
            for name, values in (
                ("goals", [one.mean.estimate for one in trainings]),
                ("gap", [one.gap.estimate for one in trainings if one.gap is not None]),
            ):
                if values:
                    mean = Means.of([("", at, [value]) for at, value in enumerate(values)], unit="trainings")
                    row = (family, words_of(trainings[0]), name, len(values), mean.linear([[1.0]]))
                    rows.append((*row, round(min(values), 3), round(max(values), 3)))
    yield Table(
        "trainings",
        "Over trainings",
        ("family", "words", "what", "trainings", "mean", "smallest", "largest"),
        tuple(rows),
        "Chance-corrected CKA where the reply starts, mean over layers; limits are over trainings, none from fewer "
        "than three.",
    )


def _figures(every: Sequence[Alike]) -> Iterator[Figure]:
    own = decisive(every)
    for lexicon in dict.fromkeys(one.lexicon for one in own):
        models = [one for one in own if one.lexicon == lexicon and one.layers]
        if not models:
            continue
        first = models[0]
        ends = [f"{one.model} {one.across.values[one.best]:.2f} at layer {one.best}" for one in models]
        yield Figure(
            id=f"likeness-{lexicon or 'texts'}",
            title=f"How alike prompts to draw and to tell are: {CALLED.get(first.taught, lexicon)}",
            x_label="layer",
            y_label="CKA beyond chance",
            panels={one.model: tuple(_series(one)) for one in models},
            preset=None,
            caption="At the row from which the reply is generated; 95 % band over words. Dashed: what 95 % of the "
            "permutations keep below.",
            summary=f"Most alike: {'; '.join(ends)}.",
        )


def _series(one: Alike) -> Iterator[Series]:
    layers = one.layers
    found = [one.across.at(layer, one.unit) for layer in layers]
    banded = not any(math.isnan(each.low) for each in found)
    low, high = [each.low for each in found], [each.high for each in found]
    yield Series("goals", layers, [each.estimate for each in found], low if banded else (), high if banded else ())
    for label, line in (("wordings, drawn", one.drawn), ("wordings, told", one.told)):
        if line is not None:
            yield Series(label, layers, [float(line.values[layer]) for layer in layers])
    yield Series("chance", layers, [float(one.quantile[layer]) for layer in layers], dash=True)
