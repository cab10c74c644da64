"""What is claimed of drawing prompts and questions about the same words. The rules stood before the seven
bound organisms were run; two of them had been looked at while the prompts were designed (docs/studies/alignment.md).

All claims are about the row from which the reply is generated, by CKA. At a word's own tokens the two goals are alike
already where the first block reads them, since both hold the word; that says nothing of what a model makes of it.

* Alike: at one layer or more, by the permutation test that is corrected for all layers. Refuted where the largest value
  is surely below 0.2.
* Apart: two wordings for one goal have surely more than 0.2 more in common than the two goals, mean over layers.
  Refuted where it is surely less. Said only where two wordings for one goal surely have more than 0.2 in common: goals
  of which nothing is in common to begin with are not apart.
* Beyond spelling: surely more than 0.2 more alike than words that were never taught, mean over layers. Refuted where it
  is surely less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.findings import Basis, Decision, Finding, Interval, Verdict
from unispect.data.concepts.lexicons import REAL
from unispect.metrics.extremes import largest
from unispect.studies.alignment.curves import NEVER, TEXTS, Alike
from unispect.studies.alignment.records import CKA, START
from unispect.studies.decisions import above, given
from unispect.studies.names import WORDS
from unispect.studies.verdicts import SMALL, p_value, shown

CALLED = {
    **WORDS,
    TEXTS: "the user's texts",
}
TABLE = "likeness"


def decisive(every: Sequence[Alike]) -> list[Alike]:
    """What claims rest on."""
    return [one for one in every if (one.place, one.measure) == (START, CKA)]


def findings(every: Sequence[Alike]) -> Iterator[Finding]:
    """The claims of all models, verdicts not yet settled."""
    own = decisive(every)
    for one in own:
        if not one.layers:
            continue
        yield near(one)
        if one.gap is not None:
            yield apart(one)
        never = [other for other in own if other.model == one.model and other.taught == NEVER and other.layers]
        if one.taught not in (NEVER, REAL, TEXTS) and never:
            yield beyond(one, never[0])


def near(one: Alike) -> Finding:
    """That the goals are alike at one layer or more."""
    top = largest([one.across.at(layer, one.unit) for layer in one.layers])
    layers = ", ".join(map(str, one.named)) or "none"
    return Finding(
        id=f"near-{one.lexicon or TEXTS}-{one.model}",
        claim=f"Where the reply starts, prompts to draw {_called(one)} and to tell of them lie alike at some layer.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"p {p_value(one.anywhere)} over {len(one.layers)} layers together; beyond chance at layers: {layers}. "
            f"Largest chance-corrected CKA {shown(top)}, at layer {one.best}, of {len(one.items)} {one.unit}."
        ),
        interval=top,
        model=one.model,
        chance=0.0,
        decision=Decision(one.anywhere, top.p_below(SMALL)),
        basis=_basis(one),
    )


def apart(one: Alike) -> Finding:
    """That wordings for one goal have more in common than the goals."""
    gap, ceiling = one.gap, one.ceiling
    assert gap is not None
    assert ceiling is not None
    return Finding(
        id=f"apart-{one.lexicon}-{one.model}",
        claim=(
            f"Where the reply starts, a prompt to draw and one to tell of {_called(one)} have less in common than two "
            "wordings of either."
        ),
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Chance-corrected CKA, mean over {len(one.layers)} layers: between goals {shown(one.mean)}, between "
            f"wordings for one goal {shown(ceiling)}, gap {shown(gap)}, of {len(one.items)} {one.unit}."
        ),
        interval=gap,
        model=one.model,
        headline=one.taught == "drawing",
        chance=0.0,
        decision=given(ceiling.p_above(SMALL), above(gap, SMALL)),
        basis=_basis(one),
    )


def beyond(one: Alike, never: Alike) -> Finding:
    """That the goals are more alike than spelling makes them."""
    more: Interval = one.beyond(never)
    return Finding(
        id=f"beyond-{one.lexicon}-{one.model}",
        claim=f"Where the reply starts, the goals are more alike with {_called(one)} than with words never taught.",
        verdict=Verdict.CANNOT_TELL,
        detail=(
            f"Chance-corrected CKA, mean over layers: {shown(one.mean)} against {shown(never.mean)}, difference "
            f"{shown(more)}, of {len(one.items)} {one.unit} each."
        ),
        interval=more,
        model=one.model,
        chance=0.0,
        decision=above(more, SMALL),
        basis=_basis(one),
    )


def words_of(one: Alike) -> str:
    """The items in a table."""
    return CALLED[one.taught] if one.lexicon in ("", REAL) else f"{one.lexicon} (taught: {one.taught})"


def _called(one: Alike) -> str:
    return CALLED.get(one.taught, f"words of {one.lexicon}")


def _basis(one: Alike) -> Basis:
    return Basis(TABLE, (one.model, words_of(one), "reply starts"), f"likeness-{one.lexicon or TEXTS}")
