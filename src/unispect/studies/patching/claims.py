"""What is claimed of states that were moved, and of directions; the rules were fixed before models were looked at.

* Moved: at one layer and place or more, most of the words (chance-corrected, above 0.5) are told, or drawn, right with
  the states that the same words have under the other goal, and surely more (by 0.2) than with those of an unrelated
  word and with random states of the same length. Refuted where this surely fails at every layer and place; but only if
  states of real words, moved alike, are followed: else the way is not shown to work.
* Followed (denoising): most answers follow the states of a real word that are put into the run of a word that was never
  taught, and surely more than they do with random states. Under the same goal this is a control of the instrument.
* Lost (noising): with states of a word that was never taught, surely fewer real words are right (by 0.2).
* Steered: a direction of real words makes most answers follow, surely more than a random one of the same length; and
  the other attributes surely stay as they were (they lose less than 0.2) at the same layer, place and scale.

A claim about any of many patches is corrected for all of them (Bonferroni), then with all claims of the section (Holm).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unispect.core.findings import Basis, Decision, Finding, Interval, Verdict
from unispect.core.prompts import Goal
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.extremes import largest
from unispect.studies.decisions import UNDECIDED, above, all_of, any_of, below
from unispect.studies.patching.observed import BESIDE, DIRECTION, NEVER, OWN, SOURCE, Cell, Dosed, Key, Model, Outcomes
from unispect.studies.patching.records import (
    ACROSS,
    MOVED,
    NEVER_WORD,
    RANDOM,
    REAL_WORD,
    UNPATCHED,
    UNRELATED,
)
from unispect.studies.verdicts import KNOWN, SMALL, percent, shown

CALLED = {
    "drawing": "words taught by drawing",
    "text": "words taught by text",
    "both": "words taught both ways",
    NEVER: "words never taught",
    REAL: "real words",
}
DONE = {Goal.TEXT: "told", Goal.IMAGE: "drawn"}
DOING = {Goal.TEXT: "telling", Goal.IMAGE: "drawing"}
TABLE, STEERED = "moved", "steered"


def other(goal: Goal) -> Goal:
    """Telling for drawing, drawing for telling."""
    return Goal.IMAGE if goal is Goal.TEXT else Goal.TEXT


@dataclass(frozen=True)
class Shown:
    """What patches of one kind show at all layers and places.

    Attributes:
        outcomes: of the words.
        kind: of the patches.
        which: value counts as right.
    """

    outcomes: Outcomes
    kind: str
    which: str

    @property
    def cells(self) -> list[Cell]:
        return [cell for cell in self.outcomes.cells if self.outcomes.has(self.key(cell))]

    def key(self, cell: Cell, kind: str = "") -> Key:
        return (kind or self.kind, self.which, *cell)

    def share(self, cell: Cell) -> Interval:
        return self.outcomes.share(self.key(cell))

    def less(self, cell: Cell, kind: str) -> Interval:
        """The share less that with the states of another kind, at the same layer and place."""
        return self.outcomes.less(self.key(cell), self.key(cell, kind))

    @property
    def best(self) -> Cell:
        """Where most follows; of several such cells the first."""
        return max(self.cells, key=lambda cell: self.share(cell).estimate)

    @property
    def top(self) -> Interval:
        """The largest share, with limits for all cells together."""
        return largest([self.share(cell) for cell in self.cells])


def findings(models: Sequence[Model]) -> Iterator[Finding]:
    """The claims of all models, verdicts not yet settled."""
    for model in models:
        for goal in Goal:
            own = [one for (asked, _), one in model.patched.items() if asked is goal]
            for one in own:
                if one.has_kind(REAL_WORD):
                    yield followed(one, REAL_WORD, control=True)
                    yield followed(one, ACROSS)
            across = next((crossing(one) for one in own if one.has_kind(ACROSS)), UNDECIDED)
            for one in own:
                if one.taught not in (NEVER, REAL):
                    yield moved(one, across)
                if one.has_kind(NEVER_WORD):
                    yield lost(one)
            if own:
                yield unchanged(goal, own)
            for (asked, _), one in model.steered.items():
                if asked is goal:
                    yield from (steered(one, origin) for origin in one.origins)


def moved(one: Outcomes, across: Decision) -> Finding:
    """That most is told, or drawn, with the states that the same words have under the other goal."""
    seen = Shown(one, MOVED, OWN)
    found = any_of(_moved_at(seen, cell) for cell in seen.cells)
    decision = Decision(found.supported, max(found.refuted, across.supported))
    best = seen.best
    taught_by = {"drawing": Goal.TEXT, "text": Goal.IMAGE}
    return Finding(
        id=f"moved-{one.goal}-{one.lexicon}",
        claim=(
            f"Moved from {DOING[other(one.goal)]} into {DOING[one.goal]}, the states of {_called(one)} are "
            f"{DONE[one.goal]}."
        ),
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Largest chance-corrected share {shown(seen.top)}, at {_where(best)}; more than with an unrelated word's "
            f"states there by {shown(seen.less(best, UNRELATED))}, than with random ones by "
            f"{shown(seen.less(best, RANDOM))}. Unpatched {shown(one.share((UNPATCHED, OWN)))}. {_counted(one)}"
        ),
        interval=seen.top,
        model=one.name,
        headline=taught_by.get(one.taught) is one.goal,
        chance=0.0,
        decision=decision,
        basis=_basis(one, MOVED),
    )


def _moved_at(seen: Shown, cell: Cell) -> Decision:
    return all_of(
        (
            above(seen.share(cell), KNOWN),
            above(seen.less(cell, UNRELATED), SMALL),
            above(seen.less(cell, RANDOM), SMALL),
        )
    )


def followed(one: Outcomes, kind: str, *, control: bool = False) -> Finding:
    """That most answers follow the states of a real word."""
    seen = Shown(one, kind, SOURCE)
    best = seen.best
    source = one.goal if kind == REAL_WORD else other(one.goal)
    return Finding(
        id=f"followed-{one.goal}-{source}",
        claim=f"What is {DONE[one.goal]} follows the states of a real word, taken from {DOING[source]}.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Put into runs of {_called(one)}. Largest chance-corrected share that follows {shown(seen.top)}, at "
            f"{_where(best)}; more than with random states there by {shown(seen.less(best, RANDOM))}. {_counted(one)}"
        ),
        interval=seen.top,
        model=one.name,
        control=control,
        chance=0.0,
        decision=follows(seen),
        basis=_basis(one, kind),
    )


def crossing(one: Outcomes) -> Decision:
    """That answers follow real words' states from the other goal."""
    return follows(Shown(one, ACROSS, SOURCE))


def follows(seen: Shown) -> Decision:
    """That most follows, at one layer and place or more."""
    return any_of(
        all_of((above(seen.share(cell), KNOWN), above(seen.less(cell, RANDOM), SMALL))) for cell in seen.cells
    )


def lost(one: Outcomes) -> Finding:
    """That fewer real words are right with the states of words that were never taught."""
    cells = [cell for cell in one.cells if one.has((NEVER_WORD, OWN, *cell))]
    drops = [one.less((UNPATCHED, OWN), (NEVER_WORD, OWN, *cell)) for cell in cells]
    at = max(range(len(cells)), key=lambda number: drops[number].estimate)
    return Finding(
        id=f"lost-{one.goal}",
        claim=f"With the states of words never taught, real words are no longer {DONE[one.goal]}.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Unpatched {shown(one.share((UNPATCHED, OWN)))}. Most is lost at {_where(cells[at])}: {shown(drops[at])}. "
            f"{_counted(one)}"
        ),
        interval=largest(drops),
        model=one.name,
        chance=0.0,
        decision=any_of(above(drop, SMALL) for drop in drops),
        basis=_basis(one, NEVER_WORD),
    )


def unchanged(goal: Goal, every: Sequence[Outcomes]) -> Finding:
    """That states replaced by themselves change nothing: no estimate, so no interval."""
    same = [one for outcomes in every for one in outcomes.same]
    first = every[0]
    return Finding(
        id=f"identity-{goal}",
        claim=f"States replaced by themselves change nothing of what is {DONE[goal]}.",
        verdict=Verdict.SUPPORTED if all(same) else Verdict.NOT_SUPPORTED,
        detail=f"To the last digit in {sum(same)} of {len(same)} runs, at all layers and places at once.",
        model=first.name,
        control=True,
    )


def steered(one: Outcomes, origin: str) -> Finding:
    """That a direction steers, and leaves alone what it should."""
    doses = one.doses(origin)

    def at(dose: Key) -> Decision:
        here = (DIRECTION, SOURCE, *dose)
        return all_of(
            (
                above(one.share(here), KNOWN),
                above(one.less(here, (RANDOM, SOURCE, *dose)), SMALL),
                below(one.less((UNPATCHED, BESIDE), (DIRECTION, BESIDE, *dose)), SMALL),
            )
        )

    best = best_dose(one, origin)
    here = (DIRECTION, SOURCE, *best)
    return Finding(
        id=f"steered-{one.goal}-{origin}-{one.lexicon}",
        claim=(
            f"Directions of real words, taken from {DOING[Goal(origin)]}, steer what {_called(one)} are "
            f"{DONE[one.goal]} "
            "as and leave other attributes alone."
        ),
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Clearest at {best[1]}, layer {best[2]}, {best[3]:g} times the direction's length: chance-corrected share "
            f"that follows {shown(one.share(here))}, more than along a random direction by "
            f"{shown(one.less(here, (RANDOM, SOURCE, *best)))}; other attributes lose "
            f"{shown(one.less((UNPATCHED, BESIDE), (DIRECTION, BESIDE, *best)))}. {_counted(one, len(doses))}"
        ),
        interval=largest([one.share((DIRECTION, SOURCE, *dose)) for dose in doses]),
        model=one.name,
        chance=0.0,
        decision=any_of(at(dose) for dose in doses),
        basis=Basis(table=STEERED, row=(one.name, DONE[one.goal], _called(one), DOING[Goal(origin)])),
    )


def best_dose(one: Outcomes, origin: str) -> Dosed:
    """Origin, place, layer and scale at which most follows, less what other attributes lose."""
    whole = one.share((UNPATCHED, BESIDE)).estimate

    def worth(dose: Dosed) -> float:
        kept = one.share((DIRECTION, BESIDE, *dose)).estimate
        random = one.share((RANDOM, SOURCE, *dose)).estimate
        return one.share((DIRECTION, SOURCE, *dose)).estimate - random - (whole - kept)

    return max(one.doses(origin), key=worth)


def _called(one: Outcomes) -> str:
    return CALLED.get(one.taught, f"words of {one.lexicon}")


def _where(cell: Cell) -> str:
    return f"{cell[0]}, layer {cell[1]}"


def _counted(one: Outcomes, doses: int = 0) -> str:
    every = f"{doses} places, layers and scales" if doses else f"{len(one.cells)} places and layers"
    return f"{len(one.words)} words, chance {percent(one.chance)}; limits of the largest are for all {every}."


def _basis(one: Outcomes, kind: str) -> Basis:
    return Basis(table=TABLE, row=(one.name, DONE[one.goal], words_of(one), kind), figure=figure_of(one, kind))


def figure_of(one: Outcomes, kind: str) -> str:
    """The id of a heat map."""
    return f"{kind.replace(', ', '-').replace(' ', '-')}-{one.goal}-{one.lexicon}"


def words_of(one: Outcomes) -> str:
    """The words in a table."""
    return "real words" if one.lexicon == REAL else f"{one.lexicon} (taught: {one.taught})"
