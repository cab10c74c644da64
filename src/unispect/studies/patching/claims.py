"""What is claimed of states that were moved, and of directions.

The rules were settled on planted worlds and while organisms of one family (Janus-Pro) were looked at; for other
families they were fixed beforehand.

Layer 0 is in tables and heat maps and decides nothing: it holds the tokens, no block has worked on them. To replace a
word's rows there is to write another word.

* Moved: at one layer or more most of the words (chance-corrected, above 0.5) are told, or drawn, right with the states
  that the same words have under the other goal, and surely more than with those of an unrelated word and with random
  states of the same length. Apart for states at the word and for those behind it. Refuted where
  surely not most are right at every layer; but only if real words' states, put across from one real word to another,
  are followed there, and surely more often: else the way is not shown to work.
* Followed (interchange, and denoising): answers surely (above 0.2) follow the states of a real word that are put into
  the run of another real word, or of a word that was never taught, and surely more than with random states. Under the
  same goal this is a control of the instrument.
* Lost (noising): with states of a word that was never taught, surely fewer real words are right (by 0.2).
* Steered: with a direction of real words surely more answers follow (by 0.2) than with a random one of the same length.
  Beside: at the dose where most do, other attributes surely lose less than 0.2.

Words that were taught in the same way are taken together. A claim about any of many patches is corrected for all of
them (Bonferroni), then with all claims of the section (Holm).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from unispect.core.findings import ALPHA, Basis, Decision, Finding, Interval, Verdict
from unispect.core.prompts import Goal
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.extremes import largest
from unispect.studies.decisions import UNDECIDED, above, any_of, below
from unispect.studies.names import WORDS
from unispect.studies.patching.observed import (
    BESIDE,
    DIRECTION,
    NEVER,
    OWN,
    SOURCE,
    Cell,
    Dosed,
    Key,
    Model,
    Outcomes,
    pooled,
)
from unispect.studies.patching.records import (
    ACROSS,
    LAST,
    MOVED,
    NEVER_WORD,
    PLACES,
    RANDOM,
    REAL_WORD,
    TEMPLATE,
    TOGETHER,
    UNPATCHED,
    UNRELATED,
    WORD,
)
from unispect.studies.verdicts import KNOWN, SMALL, percent, shown

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
        places: that are meant.
    """

    outcomes: Outcomes
    kind: str
    which: str
    places: Sequence[str] = PLACES

    @property
    def cells(self) -> list[Cell]:
        """Where there were patches."""
        cells = [cell for cell in self.outcomes.cells if cell[0] in self.places]
        return [cell for cell in cells if self.outcomes.has(self.key(cell))]

    @property
    def deciding(self) -> list[Cell]:
        """Those above layer 0."""
        return [cell for cell in self.cells if cell[1] > 0]

    def key(self, cell: Cell, kind: str = "") -> Key:
        return (kind or self.kind, self.which, *cell)

    def share(self, cell: Cell) -> Interval:
        return self.outcomes.share(self.key(cell))

    def less(self, cell: Cell, kind: str) -> Interval:
        """The share less that with the states of another kind, at the same layer and place."""
        return self.outcomes.less(self.key(cell), self.key(cell, kind))

    @property
    def best(self) -> Cell:
        """Where most follows above layer 0; of several such cells the one where random states leave least."""

        def worth(cell: Cell) -> tuple[float, float]:
            random = self.key(cell, RANDOM)
            return round(self.share(cell).estimate, 6), -self.outcomes.share(random).estimate

        return max(self.deciding, key=worth)

    @property
    def top(self) -> Interval:
        """The largest share above layer 0, with limits for all cells together."""
        return largest([self.share(cell) for cell in self.deciding])

    def held_at(self, decide: Callable[[Cell], Decision]) -> list[Cell]:
        """Where something surely holds, for all cells together."""
        return [cell for cell in self.deciding if 2 * len(self.deciding) * decide(cell).supported <= ALPHA]


AT_WORD, BEHIND = (WORD,), (TEMPLATE, LAST, TOGETHER)
"""Places whose claims stand apart: the word's own, and those that read it, alone and with it."""


def findings(models: Sequence[Model]) -> Iterator[Finding]:
    """The claims of all models, verdicts not yet settled."""
    for model in models:
        for goal in Goal:
            own = [one for (asked, _), one in model.patched.items() if asked is goal]
            for taught in dict.fromkeys(one.taught for one in own):
                yield from _of_patches(pooled([one for one in own if one.taught == taught]), own)
            if own:
                yield unchanged(goal, own)
            for (asked, _), one in model.steered.items():
                if asked is goal:
                    for origin in one.origins if any(dose[2] for dose in one.doses(one.origins[0])) else ():
                        yield steered(one, origin)
                        yield beside(one, origin)


def _of_patches(one: Outcomes, every: Sequence[Outcomes]) -> Iterator[Finding]:
    asked = [kind for kind in one.rows if Shown(one, kind, OWN).deciding]
    if one.taught in (REAL, NEVER):
        if REAL_WORD in asked:
            yield followed(one, REAL_WORD, control=one.taught == REAL)
        if ACROSS in asked and one.taught == REAL:
            yield followed(one, ACROSS)
        if NEVER_WORD in asked:
            yield lost(one)
    elif MOVED in asked:
        real = next((other for other in every if other.taught == REAL), None)
        yield moved(one, AT_WORD, real)
        if _taught_by_the_other_goal(one):
            yield moved(one, BEHIND, real)


def moved(one: Outcomes, places: Sequence[str], real: Outcomes | None) -> Finding:
    """That most is told, or drawn, with the states that the same words have under the other goal.

    Args:
        one: what was patched.
        places: of the states.
        real: the same of real words, which show whether states can be moved so at all.
    """
    seen = Shown(one, MOVED, OWN, places)
    found = any_of(_moved_at(seen, cell) for cell in seen.deciding)
    works = _better(Shown(real, ACROSS, SOURCE, places), seen) if real else UNDECIDED
    best, at_word = seen.best, places == AT_WORD
    where = "at" if at_word else "behind"
    return Finding(
        id=f"moved-{where}-{one.goal}-{one.taught}",
        claim=(
            f"The states {where} {_called(one)}, moved from {DOING[other(one.goal)]} into {DOING[one.goal]}, are "
            f"{DONE[one.goal]}."
        ),
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Largest chance-corrected share {shown(seen.top)}, at {_where(best)}; more than with an unrelated word's "
            f"states there by {shown(seen.less(best, UNRELATED))}, than with random ones by "
            f"{shown(seen.less(best, RANDOM))}. Surely at: "
            f"{_places(seen.held_at(lambda cell: _moved_at(seen, cell)))}. Unpatched "
            f"{shown(one.share((UNPATCHED, OWN)))}. {_counted(one, seen)}"
        ),
        interval=seen.top,
        model=one.name,
        headline=at_word and _taught_by_the_other_goal(one),
        chance=0.0,
        decision=Decision(found.supported, max(found.refuted, works.supported)),
        basis=_basis(one, MOVED),
    )


def _taught_by_the_other_goal(one: Outcomes) -> bool:
    return {"drawing": Goal.TEXT, "text": Goal.IMAGE}.get(one.taught) is one.goal


def _moved_at(seen: Shown, cell: Cell) -> Decision:
    return _with(
        above(seen.share(cell), KNOWN),
        lambda: above(seen.less(cell, UNRELATED), 0.0),
        lambda: above(seen.less(cell, RANDOM), 0.0),
    )


def _with(main: Decision, *conditions: Callable[[], Decision]) -> Decision:
    """A claim that holds only if the conditions do, and is refuted by itself; they are decided where that matters."""
    if main.supported >= 1:
        return main
    return Decision(max(main.supported, *(condition().supported for condition in conditions)), main.refuted)


def followed(one: Outcomes, kind: str, *, control: bool = False) -> Finding:
    """That answers follow the states of a real word."""
    seen = Shown(one, kind, SOURCE)
    best = seen.best
    source = one.goal if kind == REAL_WORD else other(one.goal)
    return Finding(
        id=f"followed-{one.goal}-{source}-{one.lexicon}",
        claim=(
            f"Runs of {_called(one)} follow the states of another real word, taken from {DOING[source]}: its value is "
            f"{DONE[one.goal]}."
        ),
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Largest chance-corrected share that follows {shown(seen.top)}, at {_where(best)}; more than with random "
            f"states there by {shown(seen.less(best, RANDOM))}. Surely at: "
            f"{_places(seen.held_at(lambda cell: _follows_at(seen, cell)))}. {_counted(one, seen)}"
        ),
        interval=seen.top,
        model=one.name,
        control=control,
        chance=0.0,
        decision=follows(seen),
        basis=_basis(one, kind),
    )


def follows(seen: Shown) -> Decision:
    """That answers follow, at one layer and place or more."""
    return any_of(_follows_at(seen, cell) for cell in seen.deciding)


def _follows_at(seen: Shown, cell: Cell) -> Decision:
    return _with(above(seen.share(cell), SMALL), lambda: above(seen.less(cell, RANDOM), 0.0))


def _better(real: Shown, seen: Shown) -> Decision:
    """That real words' states are followed, and more often than those of other words."""
    return any_of(
        _with(
            _follows_at(real, cell),
            lambda cell=cell: above(real.outcomes.less(real.key(cell), seen.key(cell), seen.outcomes), 0.0),
        )
        for cell in real.deciding
        if cell in seen.deciding
    )


def lost(one: Outcomes) -> Finding:
    """That fewer real words are right with the states of words that were never taught."""
    seen = Shown(one, NEVER_WORD, OWN)
    drops = {cell: one.less((UNPATCHED, OWN), seen.key(cell)) for cell in seen.deciding}
    best = max(drops, key=lambda cell: drops[cell].estimate)
    return Finding(
        id=f"lost-{one.goal}",
        claim=f"With the states of words never taught, real words are no longer {DONE[one.goal]}.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Unpatched {shown(one.share((UNPATCHED, OWN)))}. Most is lost at {_where(best)}: {shown(drops[best])}. "
            f"Surely at: {_places(seen.held_at(lambda cell: above(drops[cell], SMALL)))}. {_counted(one, seen)}"
        ),
        interval=largest(list(drops.values())),
        model=one.name,
        chance=0.0,
        decision=any_of(above(drop, SMALL) for drop in drops.values()),
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
    """That a direction steers."""
    doses = deciding_doses(one, origin)
    more = {dose: one.less((DIRECTION, SOURCE, *dose), (RANDOM, SOURCE, *dose)) for dose in doses}
    best = best_dose(one, origin)
    return Finding(
        id=f"steered-{one.goal}-{origin}-{one.lexicon}",
        claim=(
            f"Directions of real words, taken from {DOING[Goal(origin)]}, steer what {_called(one)} are "
            f"{DONE[one.goal]} as."
        ),
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Clearest {_dosed(best)}: chance-corrected share that follows "
            f"{shown(one.share((DIRECTION, SOURCE, *best)))}, more than along a random direction by "
            f"{shown(more[best])}. {_counted(one, doses)}"
        ),
        interval=largest(list(more.values())),
        model=one.name,
        chance=0.0,
        decision=any_of(above(difference, SMALL) for difference in more.values()),
        basis=_steered_basis(one, origin),
    )


def beside(one: Outcomes, origin: str) -> Finding:
    """That steering leaves other attributes alone, at the dose that was chosen by what follows."""
    best = best_dose(one, origin)
    lost = one.less((UNPATCHED, BESIDE), (DIRECTION, BESIDE, *best))
    return Finding(
        id=f"beside-{one.goal}-{origin}-{one.lexicon}",
        claim=(
            f"Directions of real words, taken from {DOING[Goal(origin)]}, leave other attributes alone when "
            f"{_called(one)} are {DONE[one.goal]}."
        ),
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Share of other attributes right {shown(one.share((UNPATCHED, BESIDE)))}; lost {_dosed(best)}, where most "
            f"follows: {shown(lost)}. {len(one.words)} words."
        ),
        interval=lost,
        model=one.name,
        decision=below(lost, SMALL),
        basis=_steered_basis(one, origin),
    )


def _dosed(dose: Dosed) -> str:
    return f"at {dose[1]}, layer {dose[2]}, {dose[3]:g} times the direction's length"


def _steered_basis(one: Outcomes, origin: str) -> Basis:
    row = (one.name, DONE[one.goal], _called(one), DOING[Goal(origin)])
    return Basis(table=STEERED, row=row, figure=f"doses-{one.goal}")


def best_dose(one: Outcomes, origin: str) -> Dosed:
    """The dose above layer 0 at which most follows beyond a random direction; of several such doses the first."""

    def more(dose: Dosed) -> float:
        return one.less((DIRECTION, SOURCE, *dose), (RANDOM, SOURCE, *dose)).estimate

    return max(deciding_doses(one, origin), key=more)


def deciding_doses(one: Outcomes, origin: str) -> list[Dosed]:
    """Those above layer 0."""
    return [dose for dose in one.doses(origin) if dose[2] > 0]


def _called(one: Outcomes) -> str:
    return WORDS.get(one.taught, f"words of {one.lexicon}")


def _where(cell: Cell) -> str:
    return f"{cell[0]}, layer {cell[1]}"


def _places(cells: Sequence[Cell]) -> str:
    """Places with their layers, in words."""
    places = dict.fromkeys(place for place, _ in cells)
    said = [f"{place} {', '.join(str(layer) for own, layer in cells if own == place)}" for place in places]
    return "; ".join(said) or "none"


def _counted(one: Outcomes, over: Shown | Sequence[Dosed]) -> str:
    every = f"{len(over.deciding)} places and layers" if isinstance(over, Shown) else f"{len(over)} doses"
    return f"{len(one.words)} words, chance {percent(one.chance)}; limits of the largest are for all {every}."


def _basis(one: Outcomes, kind: str) -> Basis:
    return Basis(table=TABLE, row=(one.name, DONE[one.goal], words_of(one), kind), figure=figure_of(one, kind))


def figure_of(one: Outcomes, kind: str) -> str:
    """The id of a heat map."""
    return f"{kind.replace(', ', '-').replace(' ', '-')}-{one.goal}-{one.lexicon}"


def words_of(one: Outcomes) -> str:
    """The words in a table."""
    return "real words" if one.lexicon == REAL else f"{one.lexicon} (taught: {one.taught})"
