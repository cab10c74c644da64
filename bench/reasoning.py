"""How often the reasoning study finds what is not there, and how often its limits hold what is, on simulated answers.

python bench/reasoning.py [SIMULATIONS]
"""

import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np

from unispect.core.findings import Verdict
from unispect.data.checklists import ChecklistItem
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.studies.decisions import settled
from unispect.studies.reasoning.claims import findings
from unispect.studies.reasoning.observed import DRAW, SPELLED, TELL, THINK, Item, Seen, answers_of, others
from unispect.studies.reasoning.scores import known

Values = dict[str, str]


@dataclass(frozen=True)
class Mind:
    """What is planted; what is not known is guessed, in words and in every picture anew.

    Attributes:
        knows: share of prompts understood.
        transfers: share of those that are drawn as understood.
        renders: share of pictures that show what they are meant to.
        candidates: values between which it guesses, as its prompt names them; 0 for all of the attribute.
    """

    knows: float
    transfers: float
    renders: float
    candidates: int = 0


MINDS = {
    "at random": (Mind(0.0, 0.0, 0.0), None),
    "one mind": (Mind(0.7, 1.0, 0.8), 0.0),
    "one mind that guesses between two": (Mind(0.6, 1.0, 0.8, 2), 0.0),
    "one mind that draws badly": (Mind(0.9, 1.0, 0.5), 0.0),
    "knows nothing": (Mind(0.0, 0.0, 0.9, 2), None),
    "apart": (Mind(0.8, 0.0, 0.8), 0.8),
    "half apart": (Mind(0.8, 0.5, 0.8), 0.4),
}
"""Name -> what is planted, and what is lost of what it knows; None where it knows nothing that could be lost."""


def simulated(mind: Mind, rng: np.random.Generator, prompts: int, seeds: int = 2) -> Seen:
    """A model's answers, as rules read them."""
    every = load_split().held_out
    concepts = [every[at] for at in rng.permutation(len(every))[:prompts]]
    items, truths = [], {}
    for number, concept in enumerate(concepts):
        attribute = ATTRIBUTES[number % len(ATTRIBUTES)]
        right = concept.values[attribute]
        wrong = [value for value in VALUES[attribute] if value != right]
        named = [right, *rng.permutation(wrong)[: (mind.candidates or len(VALUES[attribute])) - 1].tolist()]
        checklist = tuple(
            ChecklistItem(
                id=f"{number} {answer}",
                dimension="d",
                question="?",
                expected=answer,
                attribute=attribute,
                values=(value,),
            )
            for answer, value in (("yes", right), ("no", named[1]))
        )
        item = Item(f"{number:08}", str(number), "all", str(number), checklist, "", str(number))
        items.append(item)
        truths[item.key] = (concept.values, attribute, named)

    def anything() -> Values:
        return {one: str(rng.choice(VALUES[one])) for one in ATTRIBUTES}

    def meant(key: str, understood: bool) -> Values:
        values, attribute, named = truths[key]
        return dict(values) if understood else {**values, attribute: str(rng.choice(named))}

    def drawn(values: Values) -> Values:
        return values if rng.uniform() < mind.renders else anything()

    shown: dict[tuple[str, str, int], Values] = {}
    for item in items:
        knows = bool(rng.uniform() < mind.knows)
        uses = knows and bool(rng.uniform() < mind.transfers)
        said = meant(item.key, knows) if mind.knows or mind.renders else anything()
        shown[item.key, TELL, 0] = said
        for seed in range(seeds):
            shown[item.key, DRAW, seed] = drawn(meant(item.key, uses))
            shown[item.key, SPELLED, seed] = drawn(dict(truths[item.key][0]))
            shown[item.key, THINK, seed] = drawn(said)
    by_key, partners = {item.key: item for item in items}, others(items)
    answers = {(key, key, way, seed): answers_of(by_key[key], values) for (key, way, seed), values in shown.items()}
    for key, other in partners.items():
        for (of, way, seed), values in shown.items():
            if of == other.key and way in (TELL, DRAW):
                answers[key, of, way, seed] = answers_of(by_key[key], values)
    return Seen("m", "m", "rules", by_key, answers, {}, {}, {})


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for prompts in (40, 84):
        for name, (mind, lost) in MINDS.items():
            found: Counter[str] = Counter()
            held = values = 0
            for number in range(count):
                seen = simulated(mind, np.random.default_rng([number, prompts]), prompts)
                verdicts = {one.id: one.verdict for one in settled(findings([seen]))}
                found.update(id for id, verdict in verdicts.items() if verdict is Verdict.SUPPORTED)
                found.update(f"{id} refuted" for id, verdict in verdicts.items() if verdict is Verdict.NOT_SUPPORTED)
                interval = known(seen).lost
                if lost is not None and interval.low == interval.low:
                    values += 1
                    held += interval.low <= lost <= interval.high
            rates = ", ".join(f"{id} {100 * n / count:.0f} %" for id, n in sorted(found.items()))
            covered = f"; lost {lost} held by {100 * held / values:.1f} % of {values}" if values else ""
            print(f"{prompts} prompts, {name}: {rates}{covered}", flush=True)


if __name__ == "__main__":
    main()
