"""How often a word's gap is said to go with what the layers show of its prompts, where it does not.

    python bench/mechanism.py [--repeats 1000] > table.md

22 words in each of four lexicons, 8 combinations, 3 drawing seeds. Words differ in how well they are drawn;
combinations differ in how hard they are to draw, by `sd` on the scale of log odds, and hard ones have prompts of
another entropy: all that goes together goes through combinations. "By word" is what permuting words would say, for
comparison. The last row plants a relation (entropy moves by one bit per unit of the mean share of its words) on 168
combinations.
"""

from __future__ import annotations

import argparse

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset, Verdict
from unispect.data.concepts.lexicons import LEXICONS
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.data.world_prompts import picture_id, words_id
from unispect.metrics.association import Shared, spearman
from unispect.studies.aphasia.comparison import Subject
from unispect.studies.aphasia.evidence import LIKELIHOOD, DrawnPicture, Evidence, Telling, Word
from unispect.studies.concepts.comparison import WORLD, comparisons
from unispect.studies.decisions import beyond
from unispect.studies.encoding.traces import Trace
from unispect.studies.families.measures import Left
from unispect.studies.mechanism.view import LEAST_RHO
from unispect.studies.mechanism.words import asymmetries, contrasts, gaps

WAYS = dict(zip(LEXICONS, ("drawing", "text", "both"), strict=False))


def left(rng: np.random.Generator, combinations: int, sd: float, strength: float = 0.0) -> Left:
    """A model whose combinations differ in difficulty, shared by drawing and entropy."""
    concepts = load_split().held_out[:combinations]
    hard = sd * rng.standard_normal(combinations)
    able: dict[Word, float] = {}
    drawings, tellings, traces = [], [], []
    for concept in concepts:
        traces.append(_level("image", picture_id(concept), 3.0))
    for lexicon in LEXICONS:
        for attribute in ATTRIBUTES:
            for value in VALUES[attribute]:
                word = Word(lexicon, attribute, value)
                able[word] = float(rng.normal(0.5, 1.5))
                tellings.append(Telling(LIKELIHOOD, word, "w", value, float(rng.uniform() < 0.2)))
        for concept, own in zip(concepts, hard, strict=True):
            words = [Word(lexicon, attribute, value) for attribute, value in concept.values.items()]
            odds = np.array([able[word] for word in words]) - own
            chances = 1 / (1 + np.exp(-odds))
            for seed in range(3):
                right = rng.uniform(size=len(words)) < chances
                shown = {w.attribute: w.value if ok else None for w, ok in zip(words, right, strict=True)}
                drawings.append(DrawnPicture("name", lexicon, concept.values, seed, "p", shown, ""))
            entropy = 3 + 0.3 * own + 0.2 * rng.standard_normal() + strength * float(chances.mean())
            traces.append(_level("text", words_id(lexicon, concept), entropy))
    card = ModelCard("m", "f", "p", 1.0, 64, 64, taught=WAYS)
    subject = Subject(card, Evidence(tuple(drawings), tuple(tellings), (), 0), WORLD)
    return Left(card, "m", {one.taught: one for one in comparisons([subject])}, traces, [])


def _level(modality: str, prompt: str, value: float) -> Trace:
    return Trace("m", Preset.PAPER, modality, "text", "k", f"{modality} {prompt}", 8, 8, 1, (value,), "", {})


def outcomes(own: Left) -> tuple[bool, bool, bool]:
    """Whether words say p <= .05, whether combinations do, and whether the claim is supported by itself."""
    seen = asymmetries(own, Preset.PAPER)
    inside: dict[Word, list[float]] = {}
    for word, _, _, number in seen:
        inside.setdefault(word, []).append(number)
    plain = {word: (gap, way) for way in own.taught for word, gap in gaps(own, way).items() if word in inside}
    clean = {word: (gap, way) for way in own.taught for word, gap in contrasts(own, way).items() if word in inside}
    gap, ways = zip(*plain.values(), strict=True)
    words = spearman(gap, [float(np.mean(inside[word])) for word in plain], ways, resamples=400)
    gap, ways = zip(*clean.values(), strict=True)
    found = spearman(gap, Shared.of(list(clean), seen), ways, unit="combinations", resamples=400)
    decision = beyond(found.rho, LEAST_RHO)
    return words.p <= 0.05, found.p <= 0.05, decision.verdict(decision.p) is Verdict.SUPPORTED


def rates(combinations: int, sd: float, repeats: int, strength: float = 0.0, seed: int = 0) -> list[float]:
    rng = np.random.default_rng([seed, combinations, round(10 * sd), round(10 * strength)])
    return np.mean([outcomes(left(rng, combinations, sd, strength)) for _ in range(repeats)], axis=0).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    options = parser.parse_args()
    print("| combinations | sd of difficulty | p <= .05 by word | p <= .05 by combination | supported |")
    print("|---|---|---|---|---|")
    for combinations in (8, 24):
        for sd in (0.0, 0.5, 1.0, 2.0):
            row = rates(combinations, sd, options.repeats)
            print(f"| {combinations} | {sd:g} | {' | '.join(f'{100 * x:.1f} %' for x in row)} |", flush=True)
    row = rates(168, 1.0, max(20, options.repeats // 20), strength=1.0)
    print(f"| 168, planted | 1 | {' | '.join(f'{100 * x:.1f} %' for x in row)} |", flush=True)


if __name__ == "__main__":
    main()
