"""What is claimed of words that probes read: that some meanings get where others do, that any is there, that most is.

The rules are the same for every model.

* Taught one way, less gets there: at the row from which the reply is generated, in the last layer, which is all that
  the first token of an answer is made of, the chance-corrected score of words taught both ways is surely more than 0.2
  above that of words taught by the other route alone.
* Anything, anywhere: readings go together with meanings at one place and layer or more, by the permutation test that
  is corrected for all of them. Refuted where the largest score of all is surely below 0.2.
* Most of it, where the reply starts: the largest chance-corrected score over layers, at the row from which the reply is
  generated, is surely above 0.5. Refuted where it is surely below. What the reply is made of has to be there, so this
  is what telling and drawing can use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from unispect.core.findings import Basis, Decision, Finding, Verdict
from unispect.core.prompts import Goal
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.extremes import largest
from unispect.studies.decisions import above
from unispect.studies.names import WORDS
from unispect.studies.probing_attributes.reads import NEVER, Cell, Reads
from unispect.studies.probing_attributes.records import START
from unispect.studies.verdicts import KNOWN, SMALL, p_value, percent, percent_of, shown

ROUTE = {Goal.IMAGE: "draw", Goal.TEXT: "tell"}
"""Goal -> what is done with the word."""
OTHER = {Goal.TEXT: "drawing", Goal.IMAGE: "text"}
"""Goal -> how words were taught that were never taught for it."""
TABLE = "read"


def findings(every: Sequence[Reads]) -> Iterator[Finding]:
    """The claims of all models, verdicts not yet settled.

    Nothing is claimed of what probes of telling read in drawing: the table has it, and fewer claims are surer ones.
    """
    found = {(one.model, one.learned, one.goal, one.taught): one for one in every}
    for model, goal in dict.fromkeys((one.model, one.learned) for one in every if one.learned is one.goal):
        both, other = (found.get((model, goal, goal, taught)) for taught in ("both", OTHER[goal]))
        if both and other:
            yield less(both, other)
    for one in every:
        if (one.learned, one.goal) == (Goal.TEXT, Goal.IMAGE):
            continue
        if one.taught == REAL:
            if one.learned is one.goal:
                yield most(one, control=True)
            continue
        yield anything(one)
        if one.taught != NEVER:
            yield most(one)


def less(both: Reads, other: Reads) -> Finding:
    """That less of what words mean gets to where a reply starts, if they were taught by the other route alone."""
    cell = both.at(START)[-1]
    gap = both.beyond(other, cell)
    one, two = both.accuracy(cell), other.accuracy(cell)
    return Finding(
        id=f"less-{both.goal}",
        claim=(
            f"Less of what {WORDS[other.taught]} mean gets to where it starts to {ROUTE[both.goal]} them than of "
            f"{WORDS[both.taught]}."
        ),
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Last layer, where the reply starts: {percent_of(two)} right of {other.words} words against "
            f"{percent_of(one)} of {both.words}, chance {percent(both.chance)}; chance-corrected difference "
            f"{shown(gap)}, to be above {SMALL}."
        ),
        interval=gap,
        model=both.model,
        headline=both.goal is Goal.TEXT,  # drawing need not read the row where it starts
        chance=0.0,
        decision=above(gap, SMALL),
        basis=_basis(other),
    )


def anything(one: Reads) -> Finding:
    """That something of the words' meanings can be read somewhere."""
    top = largest([one.corrected(cell) for cell in one.cells])
    p = one.matched.anywhere
    return Finding(
        id=f"any-{one.learned}-{one.goal}-{one.taught}",
        claim=f"Something of what {WORDS[one.taught]} mean can be read when it is to {ROUTE[one.goal]} them{by(one)}.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"p {p_value(p)} over {len(one.cells)} places and layers together. {_most(one)} "
            f"Above chance: {where(one.readable)}. Largest chance-corrected score {shown(top)}."
        ),
        interval=top,
        model=one.model,
        chance=0.0,
        decision=Decision(p, top.p_below(SMALL)),
        basis=_basis(one),
    )


def most(one: Reads, *, control: bool = False) -> Finding:
    """That most of the words' meanings can be read where the reply starts."""
    cells = one.at(START)
    top = largest([one.corrected(cell) for cell in cells])
    last = one.accuracy(cells[-1])
    return Finding(
        id=f"most-{one.learned}-{one.goal}-{one.taught}",
        claim=f"Most of what {WORDS[one.taught]} mean can be read where it starts to {ROUTE[one.goal]} them{by(one)}.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Largest chance-corrected score over {len(cells)} layers {shown(top)}, to be above {KNOWN}; in the last "
            f"layer {percent_of(last)} right of {one.words} words, chance {percent(one.chance)}."
        ),
        interval=top,
        model=one.model,
        control=control,
        chance=0.0,
        decision=above(top, KNOWN),
        basis=_basis(one),
    )


def where(cells: Iterable[Cell]) -> str:
    """Places with their layers, in words."""
    said = []
    for place, own in groupby(cells, key=lambda cell: cell[0]):
        layers = [layer for _, layer in own]
        runs = [[at for _, at in run] for _, run in groupby(enumerate(layers), key=lambda one: one[1] - one[0])]
        numbers = ", ".join(f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
        said.append(f"{place}, layer{'s' * (len(layers) > 1)} {numbers}")
    return "; ".join(said) or "nowhere"


def _most(one: Reads) -> str:
    place, layer = one.best
    found = one.accuracy(one.best)
    return (
        f"Most is read at {place}, layer {layer}: {percent_of(found)} right of {one.words} words, chance "
        f"{percent(one.chance)}, control tasks {percent(one.control(one.best))}."
    )


def by(one: Reads) -> str:
    """That the probes learned on the other route, where they did."""
    return "" if one.learned is one.goal else f", by probes that learned when it was to {ROUTE[one.learned]}"


def _basis(one: Reads) -> Basis:
    row = (one.model, ROUTE[one.learned], ROUTE[one.goal], words_of(one))
    figure = "" if one.taught == REAL else f"read-{one.learned}-{one.goal}-{one.taught}"
    return Basis(table=TABLE, row=row, figure=figure)


def words_of(one: Reads) -> str:
    """The words in a table; with their lexicons, where these are several."""
    several = f" ({', '.join(one.lexicons)})" if len(one.lexicons) > 1 else ""
    return f"{WORDS[one.taught]}{several}"
