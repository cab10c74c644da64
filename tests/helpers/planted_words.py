"""Models whose words are drawn, told and named in layers as planted."""

import numpy as np

from unispect.core.cards import ModelCard
from unispect.core.findings import Preset
from unispect.data.concepts.split import load_split
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.data.world_prompts import picture_id, words_id
from unispect.studies.aphasia.comparison import Subject
from unispect.studies.aphasia.evidence import LIKELIHOOD, DrawnPicture, Evidence, Telling, Word
from unispect.studies.concepts.comparison import WORLD, comparisons
from unispect.studies.encoding.traces import Trace as Level
from unispect.studies.families.measures import Left
from unispect.studies.mechanism.words import gaps

CONCEPTS = load_split().held_out
TAUGHT = {"drawing": "drawing", "text": "text"}


def taught(name, *, told, seed=0):
    """A model that draws the words of each lexicon at a rate of their own and tells all of a lexicon alike."""
    rng = np.random.default_rng(seed)
    card = ModelCard(name, "f", "p", 1.0, 64, 64, taught=TAUGHT)
    rates, drawings, tellings = {}, [], []
    for lexicon in TAUGHT:
        for attribute in ATTRIBUTES:
            for value in VALUES[attribute]:
                word = Word(lexicon, attribute, value)
                rates[word] = rng.uniform()
                tellings.append(Telling(LIKELIHOOD, word, "w", value, told[lexicon]))
        for concept in CONCEPTS:
            shown = {
                attribute: value if rng.uniform() < rates[Word(lexicon, attribute, value)] else None
                for attribute, value in concept.values.items()
            }
            drawings.append(DrawnPicture("name", lexicon, concept.values, 0, "p", shown, ""))
    subject = Subject(card, Evidence(tuple(drawings), tuple(tellings), (), 0), WORLD)
    compared = {one.taught: one for one in comparisons([subject])}
    return Left(card, name, compared, [], []), rates


def level(modality, prompt, value, preset=Preset.PAPER):
    curve = (value - 1, value + 1)
    return Level("m", preset, modality, "text", "k", f"{modality} {prompt}", 8, 8, 1, curve, "", {})


def with_levels(left, strength, noise, seed=0):
    """Names lie above their pictures by `strength` times the mean gap of their words, plus what differs by teaching."""
    rng = np.random.default_rng([1, seed])
    found = {way: gaps(left, way) for way in TAUGHT}
    traces = [level("image", picture_id(concept), 3.0) for concept in CONCEPTS]
    for lexicon in TAUGHT:
        for concept in CONCEPTS:
            words = [found[lexicon][Word(lexicon, a, v)] for a, v in concept.values.items()]
            value = 3.0 + strength * np.mean(words) + noise * rng.standard_normal() + 2 * (lexicon == "text")
            traces.append(level("text", words_id(lexicon, concept), float(value)))
    return Left(left.card, left.name, left.taught, traces, [])
