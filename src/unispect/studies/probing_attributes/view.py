"""What probes read of words: findings, a table, heat maps of layers and positions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from unispect.core.cards import ModelCard
from unispect.core.findings import Cell as TableCell
from unispect.core.findings import Figure, Section, Series, Table
from unispect.core.prompts import Goal
from unispect.core.units import Entry
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.extremes import largest
from unispect.metrics.means import Means
from unispect.studies.cautions import losses_of
from unispect.studies.decisions import family_of, settled
from unispect.studies.names import WORDS, names_of
from unispect.studies.probing_attributes.claims import ROUTE, TABLE, by, findings, where, words_of
from unispect.studies.probing_attributes.plan import CONTROLS, LEARNED, QUESTIONS, STUDY
from unispect.studies.probing_attributes.reads import Reads, reads
from unispect.studies.probing_attributes.records import PLACES, START
from unispect.studies.trainings import ALONE, several, trainings_of
from unispect.studies.verdicts import KNOWN, SMALL

METHODS = (
    f"Probes: ridge classifiers on standardised states, one for each attribute, layer and place. They learn from real "
    f"words alone: drawing from {LEARNED} combinations of four, telling from {len(QUESTIONS)} questions about every "
    "word. They read held-out combinations in the words of each lexicon, and the question what a word means, which of "
    "real words they did not learn from. The penalty is chosen by folds of what they learn from, by combination or by "
    "question; of penalties that read the folds equally well the strongest.",
    "Places: the last token of the word; the last row of the user's text; the mean over rows of the template behind "
    "it; the row from which the reply is generated.",
    "From one goal to the other: states of both are standardised by what real words give in each, and the probe reads "
    "what it never learned from.",
    f"Control tasks (arXiv 1909.03368): {CONTROLS} per probe, every word of every lexicon given a label at random; "
    "probes of them are trained likewise, with the same penalty. Selectivity is accuracy minus theirs. Of real words "
    "it is about 0 and says nothing, since every value has one real word: a probe learns any names for them. That "
    "other words are read is what counts, and there control tasks are at chance.",
    f"Less gets there: where the reply starts, in the last layer, the chance-corrected score of words taught both ways "
    f"is surely more than {SMALL} above that of words taught by the other route alone.",
    "Anything can be read: words of an attribute are given each other's meanings, and the best place and layer is "
    f"compared with the best of each permutation; refuted where all scores are surely below {SMALL}. Most can be read "
    f"where the reply starts: the largest chance-corrected score over layers is surely above {KNOWN}; refuted where it "
    "is surely below. The rules are the same for every model.",
    "Intervals: 95 %, over words and, for drawing, over combinations. Of several layers or places the largest score "
    "has limits for all of them together.",
)
CAVEATS = (
    "That a probe reads a meaning shows that it is there for a linear reader, not that the model uses it; that a probe "
    "reads none shows that no linear reader of real words finds it.",
    f"22 words of a lexicon are few: a score is seldom surely below {SMALL}.",
    f"What is said holds for the words asked, as one training of a model left them. {ALONE}",
)


def view(entries: Sequence[Entry], cards: Mapping[str, ModelCard]) -> Section:
    """The section of one or several models; `cards` by the models' references, as units carry them. Pure."""
    return section(reads(entries, cards, names_of(entries, cards)), losses_of(entries))


def section(every: Sequence[Reads], losses: Iterable[str] = ()) -> Section:
    """The section on what was read; see `view`."""
    found = settled(findings(every))
    tables = (_table(every), *_over_trainings(every))
    return Section(
        id=STUDY,
        title="Where is the meaning of a word?",
        lead=(
            "Linear probes learn from states of real words what they mean, and read words that were taught in one way "
            "or another, when they are to be drawn and when they are to be told. A meaning that is drawn but cannot be "
            "read where the model starts to tell never gets there."
        ),
        findings=found,
        tables=tuple(table for table in tables if table.rows),
        figures=tuple(_figures(every)),
        methods=METHODS,
        caveats=(*losses, *CAVEATS),
        family=family_of(found),
    )


def _table(every: Sequence[Reads]) -> Table:
    columns = ("model", "learned from", "read in", "words", "n", "chance", "reply starts, last layer")
    columns += ("largest of all", "at", "control tasks there", "selectivity there", "p, anywhere", "above chance at")
    return Table(
        TABLE,
        "What probes read",
        columns,
        tuple(_row(one) for one in every),
        "Share right over words, with limits over words (and combinations, where they are drawn); of the largest, for "
        "all places and layers together. p is corrected for all of them, not for the rows of this table.",
    )


def _row(one: Reads) -> tuple[TableCell, ...]:
    place, layer = one.best
    control = one.control(one.best)
    return (
        one.model,
        ROUTE[one.learned],
        ROUTE[one.goal],
        words_of(one),
        one.words,
        round(one.chance, 3),
        one.accuracy(one.at(START)[-1]),
        largest([one.accuracy(cell) for cell in one.cells]),
        f"{place}, layer {layer}",
        round(control, 3),
        round(one.accuracy(one.best).estimate - control, 3),
        round(one.matched.anywhere, 4),
        where(one.readable),
    )


def _over_trainings(every: Sequence[Reads]) -> Iterator[Table]:
    """Of families that were trained several times: trainings are the unit."""
    rows: list[tuple[TableCell, ...]] = []
    for learned, goal, taught in dict.fromkeys((one.learned, one.goal, one.taught) for one in every):
        own = [one for one in every if (one.learned, one.goal, one.taught) == (learned, goal, taught)]
        for family, trainings in several(trainings_of(own)).items():
            values = [one.accuracy(one.at(START)[-1]).estimate for one in trainings]
            mean = Means.of([("", at, [value]) for at, value in enumerate(values)], unit="trainings").linear([[1.0]])
            first = trainings[0]
            rows.append(
                (
                    family,
                    ROUTE[learned],
                    ROUTE[goal],
                    words_of(first),
                    len(values),
                    round(first.chance, 3),
                    mean,
                    round(min(values), 3),
                    round(max(values), 3),
                )
            )
    yield Table(
        "trainings",
        "Over trainings",
        ("family", "learned from", "read in", "words", "trainings", "chance", "mean", "smallest", "largest"),
        tuple(rows),
        "Share right where the reply starts, last layer; limits are over trainings, none from fewer than three.",
    )


def _figures(every: Sequence[Reads]) -> Iterator[Figure]:
    """A heat map for each model and way of teaching; from telling to drawing the table is enough."""
    for learned, goal in ((Goal.TEXT, Goal.TEXT), (Goal.IMAGE, Goal.IMAGE), (Goal.IMAGE, Goal.TEXT)):
        asked = [one for one in every if (one.learned, one.goal) == (learned, goal) and one.taught != REAL]
        for taught in dict.fromkeys(one.taught for one in asked):
            yield _figure([one for one in asked if one.taught == taught])


def _figure(own: Sequence[Reads]) -> Figure:
    first = own[0]
    called, learned, goal = WORDS[first.taught], first.learned, first.goal
    ends = [f"{one.model}: {one.accuracy(one.best).estimate:.2f} at {one.best[0]}, layer {one.best[1]}" for one in own]
    chance = round(first.chance, 3)
    return Figure(
        id=f"read-{learned}-{goal}-{first.taught}",
        title=f"{called[0].upper()}{called[1:]}, when it is to {ROUTE[goal]} them{by(first)}",
        x_label="layer",
        y_label="share right",
        panels={one.model: tuple(_series(one)) for one in own},
        preset=None,
        caption=f"Share of words whose meaning is read; chance {chance:.2f} has no shade.",
        summary=f"Most is read: {'; '.join(ends)}. Chance {chance:.2f}.",
        scale=(chance, 1.0),
    )


def _series(one: Reads) -> Iterator[Series]:
    for place in PLACES:
        if cells := one.at(place):
            found = [one.accuracy(cell) for cell in cells]
            low, high = [each.low for each in found], [each.high for each in found]
            banded = not any(map(math.isnan, low))
            layers = [layer for _, layer in cells]
            y = [each.estimate for each in found]
            yield Series(place, layers, y, low if banded else (), high if banded else ())
